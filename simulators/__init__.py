"""Vendors on a port of our own, for tests and rehearsals. Shares no code with `ticketing`."""
