"""What every command shares: options, tables, JSON output, progress bars.

May import `platform.kernel`, typer and rich.
Begin reading in `console.py`.
"""
