"""Simulated WhatsApp gateways: Meta's Cloud API, WAHA and Fonnte. No message is delivered.

In a test: `with WhatsAppSimulator(cloud_webhook=url) as whatsapp:`. In a shell: `python -m
simulators.whatsapp`.
"""
