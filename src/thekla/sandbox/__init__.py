"""Runs untrusted programs under limits and answers calls to them; knows no problem and no score."""

from thekla.sandbox.diagnosis import SandboxReport, diagnose, other_tiers
from thekla.sandbox.guest import StrictGuest
from thekla.sandbox.launch import Features
from thekla.sandbox.packing import PackedFunction
from thekla.sandbox.replay import DecisionLog, RecordingGuest, ReplayDiffers, ReplayedGuest
from thekla.sandbox.selftest import Probe
from thekla.sandbox.strict import StrictSandbox
from thekla.sandbox.tiers import BubblewrapSandbox, ContainerSandbox, ProcessSandbox
from thekla.sandbox.trusted import TrustedGuest, TrustedSandbox

__all__ = [
    "BubblewrapSandbox",
    "ContainerSandbox",
    "DecisionLog",
    "Features",
    "PackedFunction",
    "Probe",
    "ProcessSandbox",
    "RecordingGuest",
    "ReplayDiffers",
    "ReplayedGuest",
    "SandboxReport",
    "StrictGuest",
    "StrictSandbox",
    "TrustedGuest",
    "TrustedSandbox",
    "diagnose",
    "other_tiers",
]
