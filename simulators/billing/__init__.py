"""Simulated billing API of a school: students, bills, payments. No money moves.

In a test: `with BillingSimulator() as billing:`. In a shell: `python -m simulators.billing`.
"""
