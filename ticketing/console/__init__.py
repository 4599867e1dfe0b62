"""The web console: what needs a person, events, their guests, tickets, gates and orders.

Pages over the services of other packages; may import everything but `app`, `go_live` and
`people_data`. Begin reading in `home.py`; `html.py` renders every page.
"""
