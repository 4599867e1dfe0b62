"""Issue, render, revoke and explain tickets: one valid ticket per entitlement.

May import `documents`, `crypto`, `catalogue`, `orders`, `events`, `access` and `platform`.
Begin reading in `generate.py`, then `issue.py` and `rendering/render.py`.
"""
