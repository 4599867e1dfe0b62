"""Events: dates, venue, time zone, ticket template.

May import `platform`.
Begin reading in `model.py`, then `service.py`.
"""
