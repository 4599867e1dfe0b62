"""Owners of the assets."""

OWNERS = ["team:box-office"]
