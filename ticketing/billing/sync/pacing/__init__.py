"""How fast a source is asked: one pace per source, shared through PostgreSQL.

May import `platform`. Begin reading in `pace.py`, then `pacer.py`.
"""
