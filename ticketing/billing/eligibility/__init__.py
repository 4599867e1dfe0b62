"""Comparison of guests with synced payment records, by the payment rule of their event."""
