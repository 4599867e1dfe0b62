"""The composition root: settings to objects, the command line, the web service, the worker.

May import everything; nothing imports it.
Begin reading in `container.py`.
"""
