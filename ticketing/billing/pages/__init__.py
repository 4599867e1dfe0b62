"""Pages and HTTP API of synced payment records: the page that watches a run, the student list.

May import `billing.sync`, `access` and `platform`.
Begin reading in `sync_page.py`.
"""
