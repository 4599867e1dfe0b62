"""WhatsApp providers: Cloud API, WAHA, Fonnte, and their status webhooks.

May import `notifications.delivery`, `notifications.messages.message` and `platform.kernel`.
Begin reading in `providers.py`.
"""
