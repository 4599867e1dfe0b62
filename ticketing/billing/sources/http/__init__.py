"""A billing API over HTTP. Begin reading in `source.py`, then `classify.py`."""
