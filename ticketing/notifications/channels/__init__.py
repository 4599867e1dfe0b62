"""The state of a channel as a whole: working, or refused by the provider and tried again.

Begin reading in `refusals.py`. Rate limit and circuit breaker are in `notifications`.
"""
