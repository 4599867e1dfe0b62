"""The mapping file: which fields of a source's documents are bills, amounts, periods and dates.

Pure: documents in, bills out. Begin reading in `model.py`, then `rows.py`.
"""
