"""Technical foundations that know nothing of tickets or money.

May import only the standard library, third-party packages and other packages of `platform`.
Begin reading in `application.py`: what one process has at hand.
"""
