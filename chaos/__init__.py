"""A sale in which everything is killed and nothing is lost: `python -m chaos --seconds 300`.

Real processes (web, worker, Dagster's run, PostgreSQL) on this machine, a noisy simulated Midtrans,
and buyers who insist. All are killed at random moments; then the world calms down, what is done by
the clock is done, and the gateway's books are compared with ours, rupiah by rupiah.
"""
