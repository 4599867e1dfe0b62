"""WhatsApp as a business meets it: Meta's Cloud API, and WAHA and Fonnte beside it. Nobody is told.

In a test: `with WhatsAppSimulator(cloud_webhook=url) as whatsapp:`. In a shell: `python -m
simulators.whatsapp`.
"""
