"""Files of the lakehouse as objects: parameters, traces and policies."""

from __future__ import annotations

import contextlib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, cast, get_args

from thekla.assembly.build import build_sandbox
from thekla.core.errors import ConfigError, MissingExtraError, TheklaError
from thekla.core.evaluation import Limits
from thekla.core.program import Program
from thekla.core.protocols import Sandbox
from thekla.problems.lakehouse.interface import interface
from thekla.problems.lakehouse.referee import GuestScheduler
from thekla.simulators.lakehouse import (
    BUILTIN_POLICIES,
    EUDOXIA_PATHS,
    ORACLE_POLICIES,
    Compat,
    GeneratorRevision,
    Scheduler,
    Settings,
    Trace,
    TraceFormatError,
    as_generated,
    eudoxia_imports,
    generate_trace,
    load_policy,
    load_trace,
    oracle_policy,
    policy_source,
    rest_policy,
)

__all__ = [
    "REST",
    "Openings",
    "Policy",
    "compat_named",
    "generated",
    "opened",
    "policy_named",
    "read_parameters",
    "read_settings",
    "traced",
    "unrecorded",
]

REST = "rest"
"""The name of a scheduler behind an address, as in Eudoxia's parameter files."""

_LIMITS = Limits(wall_s=600.0, cpu_s=600.0, memory_mb=1024, frame_kib=4096)
"""What a policy may use that a person runs: enough for any trace, and an end to a loop that has none."""

_EUDOXIA_MODULE = "from interface import names as _names\n\nglobals().update(_names())\n"


@dataclass(frozen=True, kw_only=True)
class Policy:
    """A policy that was named.

    Args:
        kind: One of ours, an oracle of ours, which is told the truth, a program file, or a scheduler of its own behind
            the address that the parameters name.
        source: Its program; empty for a scheduler behind an address.
    """

    name: str
    kind: Literal["builtin", "oracle", "file", "rest"]
    source: str = ""


def read_parameters(path: Path) -> Mapping[str, object]:
    """The entries of a parameter file, not yet checked.

    Raises:
        ConfigError: It cannot be read, or is no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"parameter file {path} cannot be read: {_reason(error)}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"parameter file {path} is not TOML: {error}") from error


def read_settings(path: Path, **changes: object) -> Settings:
    """The settings of a parameter file, with changes.

    Raises:
        ConfigError: It cannot be read, or holds what is unknown or out of range.
    """
    values = {**read_parameters(path), **changes}
    try:
        return Settings.from_mapping(values)
    except ValueError as error:
        raise ConfigError(f"parameter file {path}: {error}") from error


def traced(path: Path, compat: Compat) -> Trace:
    """The trace in a file; the revisions of Eudoxia take arrivals in any order, and deliver late ones late.

    Raises:
        ConfigError: It cannot be read, or is no trace.
    """
    try:
        return load_trace(path, any_order=compat != "thekla")
    except OSError as error:
        raise ConfigError(f"trace {path} cannot be read: {_reason(error)}") from error
    except TraceFormatError as error:
        raise ConfigError(f"trace {error}") from error


def generated(settings: Settings, compat: Compat) -> Trace:
    """The workload of a parameter file, as the revision generates it (`thekla` as the later one).

    Raises:
        MissingExtraError: numpy is not installed.
    """
    revision: GeneratorRevision = "eudoxia-pin" if compat == "eudoxia-pin" else "eudoxia-cur"
    try:
        return generate_trace(settings.workload, revision=revision)
    except ModuleNotFoundError as error:
        raise MissingExtraError("the trace generator of the lakehouse", extra="problems", package="numpy") from error


def unrecorded(trace: Trace, settings: Settings, compat: Compat) -> Trace:
    """A generated trace as a revision simulates it if it was never written to a file."""
    return trace if compat == "thekla" else as_generated(trace, settings.params.ticks_per_second)


def compat_named(name: str) -> Compat:
    """The rules of that name.

    Raises:
        ConfigError: There are none.
    """
    if name not in get_args(Compat):
        raise ConfigError(f"--compat {name!r} is unknown; use one of {', '.join(get_args(Compat))}")
    return cast(Compat, name)


def policy_named(name: str) -> Policy:
    """The built-in policy or oracle of that name, `rest`, or the program in that file.

    Raises:
        ConfigError: There is neither.
    """
    if name in BUILTIN_POLICIES:
        return Policy(name=name, kind="builtin", source=policy_source(name))
    if name in ORACLE_POLICIES:
        return Policy(name=name, kind="oracle", source=policy_source(name))
    if name == REST:
        return Policy(name=name, kind="rest")
    path = Path(name)
    if not path.is_file():
        known = ", ".join((*BUILTIN_POLICIES, *ORACLE_POLICIES, REST))
        raise ConfigError(f"no policy {name!r}: it is no file, and the built-in ones are {known}")
    try:
        return Policy(name=path.stem, kind="file", source=path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"policy {path} cannot be read: {_reason(error)}") from error


@contextlib.contextmanager
def opened(sandbox: str) -> Iterator[Openings]:
    """Makes fresh schedulers; a sandbox is made when the first policy needs one, and closed at the end."""
    openings = Openings(sandbox)
    try:
        yield openings
    finally:
        openings.close()


class Openings:
    """Fresh schedulers of policies: our own in this process, all others in guests of a sandbox tier."""

    def __init__(self, tier: str) -> None:
        self._tier = tier
        self._resources = contextlib.ExitStack()
        self._sandbox: Sandbox | None = None

    def close(self) -> None:
        """Ends all guests and the sandbox."""
        self._resources.close()

    @contextlib.contextmanager
    def scheduler(self, policy: Policy, trace: Trace, settings: Settings) -> Iterator[Scheduler]:
        """A scheduler for one simulation of a trace, which an oracle is told; a guest ends with the context.

        Raises:
            TheklaError: The program cannot be loaded in this process.
            GuestFault: The program cannot be loaded in a guest.
            SandboxError: The sandbox cannot be had.
        """
        if policy.kind == "oracle":
            yield oracle_policy(trace, policy.source)
            return
        if policy.kind == "rest":
            yield rest_policy(settings.rest_scheduler_addr, poll_seconds=settings.rest_poll_interval)
            return
        if policy.kind == "builtin" or self._tier == "trusted":
            with eudoxia_imports():
                yield _loaded(policy)
            return
        if self._sandbox is None:
            self._sandbox = build_sandbox(self._tier)
            self._resources.callback(self._sandbox.close)
        # A policy of Eudoxia may name its functions as it likes; the views find them by their decorators.
        guest = self._sandbox.open(_program(policy.source), replace(interface(), functions=()), _LIMITS)
        try:
            yield GuestScheduler(guest)
        finally:
            guest.close()


def _loaded(policy: Policy) -> Scheduler:
    try:
        return load_policy(policy.source, filename=policy.name)
    except Exception as error:  # border: a foreign program, whose fault it is
        raise TheklaError(f"policy {policy.name!r} cannot be loaded: {type(error).__name__}: {error}") from error


def _program(source: str) -> Program:
    """A policy with the import paths of Eudoxia, which lead to the names that a guest has anyway."""
    shim = {f"{path.replace('.', '/')}/__init__.py": _EUDOXIA_MODULE for path in EUDOXIA_PATHS}
    return Program.from_files({"program.py": source, **shim})


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else "it is not text in UTF-8"
