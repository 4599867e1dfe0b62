"""The database view of a billing system. Begin reading in `view_source.py`."""
