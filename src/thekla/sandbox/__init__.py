"""Runs untrusted programs under limits and answers calls to them; knows no problem and no score."""

from thekla.sandbox.diagnosis import SandboxReport, diagnose
from thekla.sandbox.launch import Features
from thekla.sandbox.selftest import Probe
from thekla.sandbox.strict import StrictGuest, StrictSandbox
from thekla.sandbox.trusted import TrustedGuest, TrustedSandbox

__all__ = [
    "Features",
    "Probe",
    "SandboxReport",
    "StrictGuest",
    "StrictSandbox",
    "TrustedGuest",
    "TrustedSandbox",
    "diagnose",
]
