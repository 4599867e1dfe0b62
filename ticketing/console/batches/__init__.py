"""Ticket batches and the jobs of work queues in the console: states, errors, retries.

May import what `ticketing.console` may.
Begin reading in `list_page.py`.
"""
