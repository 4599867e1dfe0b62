"""Rebuild orders from what was recorded about them, and compare them with their rows.

`replay.py` is the rule, without input and output; nothing here writes.
"""
