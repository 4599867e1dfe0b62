"""Dagster's own webserver behind our sign-in: a process of its own, `python -m dagster_page`.

Uses the private names of `dagster-webserver` that `page.py` imports; its version is pinned.
Begin reading in `page.py`, then `admission.py`.
"""
