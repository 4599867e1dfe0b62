"""A client of RouterOS above routeros-api: pipelining, deadlines, and a known outcome per command.

May import `routers.model` and `platform.kernel`.
Begin reading in `client.py`; `exchange.py` decides what became of each command.
"""
