"""WhatsApp webhooks after they were stored: receipts and replies, and what staff have to decide.

Begin reading in `process_webhooks.py`. Parsing is in `notifications/whatsapp`.
"""
