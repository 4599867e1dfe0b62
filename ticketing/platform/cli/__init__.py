"""Shared parts of all commands: options, tables, JSON output, progress bars.

May import the rest of `platform`, typer and rich.
Begin reading in `console.py`.
"""
