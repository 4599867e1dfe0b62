"""Stamping: a template is laid out once, and each ticket adds only the operators that differ.

A *slot* is a place of the page with a text that differs from ticket to ticket; everything else is
*baked* into a variant of the page. The picture of a stamped ticket equals that of a full render;
where this cannot be proved, the ticket is rendered in full. Begin reading in `stamper.py`; private
calls of WeasyPrint are in `weasyprint_access.py` only.
"""
