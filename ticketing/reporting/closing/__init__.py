"""Closing reports: what an event sold, received, delivered and left open, as a signed file.

The files of an event are chained: each has the SHA-256 of the one before. Begin reading in
`report_file.py`; `figures.py` says what is in a report, `create.py` and `verify.py` use both.
"""
