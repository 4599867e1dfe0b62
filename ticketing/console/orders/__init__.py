"""Orders in the console: search, the history of one order, and what staff do about it.

Every action calls the service of the command line and the API. Begin reading in `order_page.py`.
"""
