"""The build side of Firstlight's own adapters, one file each."""
