"""What a fetched record changes, and how it is stored.

May import `billing.sources` and `platform`. Begin reading in `record_change.py`.
"""
