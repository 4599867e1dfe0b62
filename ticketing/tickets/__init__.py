"""Issue, render, revoke and explain tickets, with at most one live ticket per entitlement.

May import `documents`, `crypto`, `events`, `access` and `platform`.
Begin reading in `generate.py`, then `issuing/issue.py` and `rendering/render.py`.
"""
