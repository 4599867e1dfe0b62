"""Sensors: a pure choice and a thin shell each."""
