"""Simulated Midtrans Snap and Core API; no money moves.

In a test: `with MidtransSimulator(notify=url) as midtrans:`. In a shell: `python -m
simulators.midtrans`.
"""
