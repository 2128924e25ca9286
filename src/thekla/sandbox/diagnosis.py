"""What the machine offers to the strict tier, for `thekla doctor`."""

from __future__ import annotations

import platform
from dataclasses import dataclass

from thekla.core.errors import SandboxError
from thekla.sandbox.launch import Features
from thekla.sandbox.selftest import Probe, probe
from thekla.sandbox.strict import StrictSandbox

__all__ = ["SandboxReport", "diagnose"]


@dataclass(frozen=True, kw_only=True)
class SandboxReport:
    """Whether the strict tier holds here, and what says so.

    Args:
        holds: Every decisive attack was stopped.
        problem: Why the tier cannot be had; empty if it can.
        kernel: Release and architecture.
        features: What the kernel granted; None where the sandbox did not start.
        probes: What became of each attack.
    """

    tier: str
    holds: bool
    problem: str
    kernel: str
    features: Features | None = None
    probes: tuple[Probe, ...] = ()

    @property
    def residue(self) -> tuple[Probe, ...]:
        """Attacks that work and are no reason to refuse the tier."""
        return tuple(probe for probe in self.probes if not probe.stopped and not probe.decisive)


def diagnose(*, namespaces: bool = True) -> SandboxReport:
    """Try every attack on a strict sandbox of this machine; takes about half a second.

    Args:
        namespaces: Whether to use namespaces where they can be had.
    """
    kernel = f"{platform.release()} {platform.machine()}"
    try:
        with StrictSandbox(namespaces=namespaces, test_itself=False) as sandbox:
            probes, features = probe(sandbox), sandbox.features
    except SandboxError as error:
        return SandboxReport(tier="strict", holds=False, problem=str(error), kernel=kernel)
    failed = [found.attack for found in probes if found.decisive and not found.stopped]
    problem = f"a guest could {', '.join(failed)}" if failed else ""
    return SandboxReport(
        tier="strict", holds=not failed, problem=problem, kernel=kernel, features=features, probes=probes
    )
