"""People's data: export of everything known of one person, erasure, retention by class of field.

May import every package below `app` except `go_live`.
Begin reading in `person.py`, then `records_queries.py` and `erase_person.py`.
"""
