"""A mail server that keeps everything and delivers nothing; aiosmtpd speaks the protocol.

In a test: `with MailSimulator() as mails:`. In a shell: `python -m simulators.mail`.
"""
