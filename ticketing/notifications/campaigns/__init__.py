"""Campaigns: the tickets of a roster sent to its guests.

May import the rest of `notifications` and what that may import.
Begin reading in `send_tickets.py`.
"""
