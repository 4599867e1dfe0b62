"""Payment records of students, read from a school's or campus's own billing system.

Subpackages: `sources` reads students and records from outside, `bank_statements` imports the
statements of banks, `sync` keeps what was read. Begin reading in `sources/contract.py`.
"""
