"""WhatsApp providers: Cloud API, WAHA, Fonnte, and their status webhooks.

May import `notifications.delivery`, `notifications.rate_limit`, `notifications.messages.message`
and `platform.kernel`.
Begin reading in `providers.py`.
"""
