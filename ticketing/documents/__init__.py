"""A ticket as PDF: templates, fonts, QR codes, WeasyPrint and the file store.

May import `events` and `platform`. No other package renders PDFs or images.
Begin reading in `renderer.py`.
"""
