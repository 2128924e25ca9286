"""Baselines of the lakehouse as programs: read as text, run in a guest, never imported."""
