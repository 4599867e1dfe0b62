"""API keys and roles: who may call what.

May import `platform`.
Begin reading in `http.py`.
"""
