"""The preflight list: everything about one event that should be in order before its day.

`item.py` says what an item is; `checks.py` collects the items that are about the event.
`ticketing.app.preflight` adds what `doctor` finds out about the machine.
"""
