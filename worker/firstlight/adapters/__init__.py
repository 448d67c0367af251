"""One file for each platform; each turns its request into ours and our response into its own."""
