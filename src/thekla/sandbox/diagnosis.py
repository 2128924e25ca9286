"""What the machine offers to the strict tier, for `thekla doctor`."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from thekla.core.errors import SandboxError
from thekla.sandbox.launch import Features
from thekla.sandbox.selftest import Probe, probe
from thekla.sandbox.strict import StrictSandbox
from thekla.sandbox.tiers import BubblewrapSandbox, ContainerSandbox, ProcessSandbox

__all__ = ["TIERS", "SandboxReport", "diagnose", "other_tiers"]

TIERS: Final[Mapping[str, type[StrictSandbox]]] = {
    made.tier: made for made in (ProcessSandbox, StrictSandbox, BubblewrapSandbox, ContainerSandbox)
}
"""The tiers whose guests have a process of their own, weakest first."""


@dataclass(frozen=True, kw_only=True)
class SandboxReport:
    """Whether the strict tier holds here, and what says so.

    Args:
        holds: Every decisive attack was stopped.
        reason: Why the tier cannot be had; empty if it can.
        kernel: What the kernel offers, by name, as text.
        probes: What became of each decisive attack.
        residue: What a guest can still learn or do, none of it a reason to refuse the tier.
    """

    tier: str
    holds: bool
    reason: str
    kernel: Mapping[str, str]
    probes: tuple[Probe, ...] = ()
    residue: tuple[str, ...] = ()


def diagnose(*, namespaces: bool = True) -> SandboxReport:
    """Try every attack on a strict sandbox of this machine; takes about half a second.

    Args:
        namespaces: Whether to use namespaces where they can be had.
    """
    kernel = {"kernel": f"{platform.system()} {platform.release()} {platform.machine()}"}
    try:
        with StrictSandbox(namespaces=namespaces, test_itself=False) as sandbox:
            probes, features = probe(sandbox), sandbox.features
    except SandboxError as error:
        return SandboxReport(tier="strict", holds=False, reason=str(error), kernel=kernel)
    failed = [found.name for found in probes if found.decisive and not found.stopped]
    return SandboxReport(
        tier="strict",
        holds=not failed,
        reason=f"a guest could {', '.join(failed)}" if failed else "",
        kernel={**kernel, **_described(features)},
        probes=tuple(found for found in probes if found.decisive),
        residue=(
            *(f"{found.name}: {found.detail}" for found in probes if not found.decisive and not found.stopped),
            *_KNOWN_RESIDUE,
        ),
    )


def other_tiers() -> dict[str, str]:
    """What keeps each tier but the strict one from being had here, tried just now; empty if it can be had."""
    found: dict[str, str] = {}
    for name, make in TIERS.items():
        if name != StrictSandbox.tier:
            try:
                make().close()
                found[name] = ""
            except SandboxError as error:
                found[name] = str(error)
    return found


_KNOWN_RESIDUE = ("read the clock, which native code can do without a system call",)


def _described(features: Features) -> dict[str, str]:
    missing = f"no ({features.missing})"
    return {
        "landlock": f"version {features.landlock}",
        "seccomp": "filter installed in every guest",
        "namespaces": ", ".join(features.namespaces) or missing,
        "file system of its own": "yes" if features.enclosed else missing,
        "user id of guests": str(features.uid),
    }
