"""Events: dates, venue, zone, template.

May import `platform`.
Begin reading in `model.py`, then `service.py`.
"""
