"""From issued tickets to PDF files: render, preflight, retention, ZIP archives.

May import the rest of `tickets` and `documents`.
Begin reading in `render.py`.
"""
