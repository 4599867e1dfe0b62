"""A ticket as PDF: templates, fonts, QR codes, WeasyPrint and the file store.

May import `platform`. Nothing else in the project draws.
Begin reading in `renderer.py`.
"""
