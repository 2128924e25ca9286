"""Runs untrusted programs under limits and answers calls to them; knows no problem and no score."""

from thekla.sandbox.strict import StrictSandbox

__all__ = ["StrictSandbox"]
