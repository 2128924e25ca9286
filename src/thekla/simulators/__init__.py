"""Deterministic models of systems; each is a library in its own right."""
