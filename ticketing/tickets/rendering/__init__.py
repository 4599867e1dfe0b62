"""PDF files of issued tickets: rendering, preflight, retention, ZIP archives.

May import the rest of `tickets`, and what `tickets` may import.
Begin reading in `render.py`.
"""
