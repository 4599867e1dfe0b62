"""Verify tickets at the entrance.

May import `tickets`, `crypto`, `events`, `access` and `platform`.
Begin reading in `verify.py`.
"""
