"""Reports and checks of tickets: generation report, invariants, and the history of a person.

May import the rest of `tickets`, and what `tickets` may import.
Begin reading in `report.py` and `explain.py`.
"""
