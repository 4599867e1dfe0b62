"""Simulated billing API of a school with 10,000 students. No money moves.

In a test: `with BillingSimulator() as billing:`. In a shell: `python -m simulators.billing`.
"""
