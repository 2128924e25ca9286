"""Fakes, and a conformance suite for every protocol: for us and for authors of plug-ins."""
