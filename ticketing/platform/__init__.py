"""Technical foundations without any rule of ticketing: database, HTTP layer, console, settings.

May import only the standard library, third-party packages and other packages of `platform`.
Begin reading in `application.py`, then `settings.py` and `db/database.py`.
"""
