"""Mail server that stores every mail and delivers none; SMTP is implemented by aiosmtpd.

In a test: `with MailSimulator() as mails:`. In a shell: `python -m simulators.mail`.
"""
