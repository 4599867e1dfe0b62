"""Simulated billing API of a school: students, bills, payments. No money moves.

In a test: `with BillingSimulator() as billing:`. In a shell: `python -m simulators.billing`.
Routes that do not count as requests: `GET /_seen` and `DELETE /_seen` for the counters,
`GET /_simulator` for the switches and the names of all faults, `POST /_simulator/switches`,
`POST /_simulator/students` for a new student, `POST /_simulator/students/ID/pay`, `reverse`,
`bill`, `leave` or `remove`, and `POST /_simulator/purge` to forget the changes.
"""
