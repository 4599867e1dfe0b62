"""A MikroTik router with a hotspot, as a client of its API meets it. Never run against a device.

In a test: `with RouterOsSimulator() as router:`. In a shell: `python -m simulators.routeros`.
"""
