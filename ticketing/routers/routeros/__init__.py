"""A client of the RouterOS API with pipelining and one deadline per call.

May import `routers.model` and `platform.kernel`.
Begin reading in `client.py`; `protocol.py` is the wire format.
"""
