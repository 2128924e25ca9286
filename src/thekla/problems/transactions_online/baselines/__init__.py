"""Baselines as programs: read as text, run in a guest, never imported."""
