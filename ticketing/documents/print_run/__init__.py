"""Print runs: the tickets of an event in one PDF, for a print shop or an office printer.

What pages have in common is written once, so that a page takes 2.5 KB instead of 50. A sheet may
have several tickets and crop marks. Begin reading in `print_run.py`.
"""
