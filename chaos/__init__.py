"""A sale in which everything is killed and nothing is lost: `python -m chaos --seconds 300`.

Real processes (web, worker, Dagster's runs, PostgreSQL) on this machine; a noisy simulated
Midtrans, hotspot routers, WhatsApp and mail server that fail in every way they know; and buyers who
insist. All are killed at random moments; then the world calms down, what is done by the clock is
done, and everybody's books are compared with ours: rupiah, vouchers and messages, one by one.

A thousand purchases of vouchers: `--purchases 1000 --vouchers 1 --lines 24 --apart 15`.
"""
