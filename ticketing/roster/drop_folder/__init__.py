"""Rosters copied into a folder: found, imported once, moved away.

May import the whole of `roster`.
Begin reading in `drop_folder.py`.
"""
