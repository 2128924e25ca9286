"""Weak programs to start from: read as text, run in a guest, never imported."""
