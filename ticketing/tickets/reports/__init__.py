"""Reports and checks about tickets: generated against failed, and why a person has none.

May import the rest of `tickets`.
Begin reading in `report.py` and `explain.py`.
"""
