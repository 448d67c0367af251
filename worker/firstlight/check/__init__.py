"""Looks for what builds, but does not work: `firstlight check`."""
