"""Programs of the ladder: read as text, run in a guest, never imported."""
