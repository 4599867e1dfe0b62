"""Simulated vendors on local ports, for tests and demos. Shares no code with `ticketing`."""
