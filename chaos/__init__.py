"""Chaos test of a sale: `python -m chaos --seconds 300`.

Runs the real processes (web, worker, Dagster runs, PostgreSQL) on this machine with a simulated
Midtrans, hotspot routers, WhatsApp and mail server that apply every kind of fault, and with buyers
that retry. All processes are killed at random moments. Afterwards faults stop, scheduled work runs,
and the records of all parties are compared: money, vouchers and messages, one by one.

A thousand voucher purchases: `--purchases 1000 --vouchers 1 --lines 24 --apart 15`.
"""
