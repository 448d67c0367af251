"""Servers for development: `firstlight dev` and `firstlight preview`. Never uploaded."""
