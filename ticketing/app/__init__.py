"""The composition root: builds objects from settings; command line, web service and worker.

May import everything; no other package imports it.
Begin reading in `container.py`.
"""
