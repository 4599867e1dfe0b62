"""Batches of ticket generation: progress, locks, the HTTP API and its queue.

May import the rest of `tickets`, and what `tickets` may import.
Begin reading in `service.py`.
"""
