"""Contacts of buyers: correct a mistyped one, and send the orders of one again.

May import `checkout`, `refunds`, `payments` and the packages below `selling`.
Begin reading in `correct_contact.py`.
"""
