"""E-mail: SMTP client, MIME messages, bounces.

May import `notifications.delivery`, `notifications.messages.message` and `platform.kernel`.
Begin reading in `client.py`.
"""
