"""`ticketing sync-payments`."""
