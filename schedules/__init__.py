"""Schedules: when work is asked for without a person."""
