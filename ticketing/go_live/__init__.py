"""Before an event goes live: find what its rehearsals left behind, and clear it.

May import every package below `app`.
Begin reading in `plan_clearing.py`, then `clear_rehearsal.py`.
"""
