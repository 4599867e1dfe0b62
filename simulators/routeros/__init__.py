"""Simulated MikroTik router with a hotspot, for clients of its API.

Not verified against a real device. In a test: `with RouterOsSimulator() as router:`. In a shell:
`python -m simulators.routeros`.
"""
