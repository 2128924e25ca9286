"""The one module that opens a hold-out.

A generated hold-out does not exist before it is opened: its seeds derive from a key that is an HMAC over the
journal's hash after the finalists were frozen, so that no candidate, generator or person can compute them earlier.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from thekla.core.errors import ConfigError
from thekla.core.problem import Instance, Problem, Split
from thekla.core.protocols import ProblemPackage

__all__ = ["draw_fresh", "holdout_key", "instances_of", "open_holdout"]

_PURPOSE = b"thekla hold-out 1"
_FRESH = b"thekla fresh instances 1"


def holdout_key(chain: str) -> bytes:
    """The key that the journal's hash determines."""
    return hmac.new(bytes.fromhex(chain), _PURPOSE, hashlib.sha256).digest()


def open_holdout(package: ProblemPackage, chain: str) -> Sequence[Instance]:
    """The hold-out instances; the caller journals the opening before it uses them.

    Raises:
        ValueError: The problem drew an instance that is no hold-out or that another split has.
    """
    return _drawn(package, holdout_key(chain))


def _drawn(package: ProblemPackage, key: bytes) -> Sequence[Instance]:
    drawn = tuple(package.holdout(key))
    others = {instance.id for instances in package.problem.instances.values() for instance in instances}
    for instance in drawn:
        if instance.split is not Split.HOLDOUT or instance.id in others:
            raise ValueError(f"drawn hold-out instance {instance.id!r} belongs to another split")
    return drawn


def draw_fresh(package: ProblemPackage, chains: Sequence[str], purpose: str) -> Sequence[Instance]:
    """Instances that no run has met: drawn as hold-outs are, from the last hashes of closed runs and a purpose.

    They are none of the hold-outs of those runs, and nobody could compute them before the runs were closed.

    Raises:
        ConfigError: The problem's hold-out is fixed, or it has none, so that it cannot draw any.
    """
    if package.problem.fixed_holdout:
        raise ConfigError(
            f"problem {package.problem.name!r} has a fixed hold-out and draws no fresh instances; compare on its "
            "other splits"
        )
    message = b"\0".join([_FRESH, purpose.encode(), *(bytes.fromhex(chain) for chain in sorted(chains))])
    key = hmac.new(bytes.fromhex(min(chains)), message, hashlib.sha256).digest()
    drawn = _drawn(package, key)
    if not drawn:
        raise ConfigError(f"problem {package.problem.name!r} draws no instances of its own")
    return drawn


def instances_of(problem: Problem, split: Split) -> Sequence[Instance]:
    """The instances of a split that anyone may look at.

    Raises:
        ConfigError: The split is the hold-out, or the problem has no such split.
    """
    if split is Split.HOLDOUT:
        raise ConfigError(
            "the hold-out is sealed: it is drawn when a run closes, for its finalists only; use train or validation"
        )
    if split not in problem.instances:
        known = ", ".join(sorted(problem.instances))
        raise ConfigError(f"suite {problem.suite!r} of {problem.name!r} has no split {split}; it has {known}")
    return problem.instances[split]
