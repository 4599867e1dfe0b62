"""Tickets of an event for a print shop: one PDF, in any order, several on a sheet.

May import the rest of `tickets`, and what `tickets` may import.
Begin reading in `print_tickets.py`.
"""
