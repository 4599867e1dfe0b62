"""Packs: one file with the PDFs of many tickets, which keeps what they share once.

The format, appending, and reading are in `pack_file.py`; the document folder in `file_store.py`
decides which documents are in packs.
"""
