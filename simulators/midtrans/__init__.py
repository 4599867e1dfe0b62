"""Midtrans Snap and Core API as a merchant meets them; no money moves.

In a test: `with MidtransSimulator(notify=url) as midtrans:`. In a shell: `python -m
simulators.midtrans`.
"""
