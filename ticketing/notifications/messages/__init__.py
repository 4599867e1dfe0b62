"""The texts of messages: templates, samples, composition.

May import the queries of `notifications` and `campaigns`, and what `notifications` may import.
Begin reading in `templates.py` and `compose.py`.
"""
