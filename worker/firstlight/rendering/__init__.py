"""What compiled templates need at run time; each module is imported by those that use it."""
