"""Pyodide, as far as Firstlight uses it."""
