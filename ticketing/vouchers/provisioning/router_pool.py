"""Errands to routers: a thread goes to each that waits, so that a slow one keeps nobody waiting.

Routers that somebody waits for and nobody goes to: for whoever stands in when no worker does.
"""
