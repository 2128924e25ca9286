"""Fakes that keep the promises of the protocols, and one conformance suite per protocol.

For us and for the authors of plug-ins: subclass a suite, say how to make the component, and run pytest.
"""
