"""Generation batches: progress, locks, the HTTP API and its queue.

May import the rest of `tickets`.
Begin reading in `service.py`.
"""
