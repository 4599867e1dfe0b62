"""Messages in the console: the ledger of all deliveries, retries, budget, and excluded addresses.

Every action calls the service of the command line. Begin reading in `ledger_page.py`.
"""
