"""Backups, restoring one into an empty place, and what follows from a restore.

May import `crypto`, `events` and `platform`. Packages above ask `restore_state` whether a restore
holds back what they are about to do.
Begin reading in `create_backup.py`, then `restore_backup.py`.
"""
