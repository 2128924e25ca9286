"""Conformance suites for every protocol, and fakes that keep them: for us and for plug-in authors."""
