"""The back office: guests, tickets, vouchers, orders and messages, without Dagster.

Packages are capabilities; `docs/explanation/architecture.md` has the map and the order of imports.
Begin reading in `ticketing/tickets/generate.py` or `ticketing/selling/checkout/place_order.py`.
"""
