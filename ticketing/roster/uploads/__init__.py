"""Rosters sent to the HTTP API, imported in the background.

May import the whole of `roster`.
Begin reading in `import_requests.py`.
"""
