"""Readers of billing systems: an HTTP API or a database view, described by a mapping file.

Nothing here stores anything. May import `platform`. Begin reading in `contract.py`, then
`mapping/model.py`.
"""
