"""One policy on one trace, and the trace that a parameter file describes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

from thekla.assembly.lakehouse.inputs import (
    Openings,
    Policy,
    compat_named,
    generated,
    opened,
    policy_named,
    read_settings,
    traced,
    unrecorded,
)
from thekla.core.errors import ConfigError, GuestFault, TheklaError
from thekla.core.values import Data
from thekla.core.visible import number
from thekla.simulators.lakehouse import (
    SUITES,
    Calls,
    Compat,
    RunResult,
    Settings,
    Trace,
    record,
    simulate,
    suite,
    write_suite,
    write_trace,
)

__all__ = [
    "LakehouseRun",
    "calls_named",
    "class_rows",
    "finite",
    "generate_workload",
    "played",
    "run_lakehouse",
    "write_trace_suite",
]


@dataclass(frozen=True, kw_only=True)
class LakehouseRun:
    """One simulation, and what it was of.

    Args:
        case: The folder of the parameter file, as recorded runs are named.
    """

    case: str
    scheduler: str
    trace: Trace
    settings: Settings
    compat: Compat
    result: RunResult

    @property
    def record(self) -> Data:
        """The run as plain data, in the format of the recorded runs of Eudoxia."""
        params = self.settings.params
        return cast(Data, record(self.result, params, self.compat, case=self.case, scheduler=self.scheduler))

    @property
    def reproduces_a_revision(self) -> bool:
        """Whether a fault is a result like any other: the original ends so, too."""
        return self.compat != "thekla"


def run_lakehouse(
    params: Path,
    workload: Path | None,
    *,
    scheduler: str | None,
    compat: str,
    calls: str,
    sandbox: str,
    lenient: bool = False,
) -> LakehouseRun:
    """A policy on the trace of a file, or on the one that the parameters describe.

    Args:
        scheduler: Name or file of a policy; by default the one that the parameters name.
        lenient: Whether orders that break a rule are refused and counted, and the simulation goes on.

    Raises:
        ConfigError: A file or a name is wrong; the message says which.
        SandboxError: A program file needs a sandbox, and it cannot be had.
        TheklaError: The policy's process ended.
    """
    rules, settings = compat_named(compat), read_settings(params)
    policy = policy_named(scheduler or settings.scheduler_algo)
    trace = traced(workload, rules) if workload is not None else unrecorded(generated(settings, rules), settings, rules)
    with opened(sandbox) as openings:
        result = played(openings, policy, trace, settings, rules, calls=calls_named(calls), lenient=lenient)
    return LakehouseRun(
        case=params.resolve().parent.name,
        scheduler=policy.name,
        trace=trace,
        settings=settings,
        compat=rules,
        result=result,
    )


def class_rows(done: LakehouseRun) -> tuple[tuple[str, ...], Sequence[tuple[str, ...]]]:
    """The pipelines of a run by class, as columns and rows of text."""
    found = done.result.statistics
    groups = {
        "query": found.pipelines_query,
        "interactive": found.pipelines_interactive,
        "batch": found.pipelines_batch,
        "all": found.pipelines_all,
    }
    rows = [
        (
            name,
            f"{of.arrival_count:,}",
            f"{of.completion_count:,}",
            f"{of.timeout_count:,}",
            finite(of.mean_latency_seconds),
            finite(of.p99_latency_seconds),
        )
        for name, of in groups.items()
    ]
    return ("pipelines", "arrived", "completed", "given up", "mean s", "p99 s"), rows


def finite(value: float) -> str:
    """A statistic for people; a dash where it is infinite or undefined, because nothing ended."""
    return number(value) if math.isfinite(value) else "-"


def played(
    openings: Openings,
    policy: Policy,
    trace: Trace,
    settings: Settings,
    compat: Compat,
    *,
    calls: Calls = "events",
    lenient: bool = False,
) -> RunResult:
    """One simulation with a fresh scheduler.

    Raises:
        ConfigError: The parameters ask for what the rules do not have.
        TheklaError: The policy's process ended; there are no statistics then.
    """
    try:
        with openings.scheduler(policy, trace, settings) as scheduler:
            return simulate(
                trace, scheduler, settings.params, compat, estimator=settings.estimator(), lenient=lenient, calls=calls
            )
    except GuestFault as fault:
        shown = f"\n{fault.traceback.rstrip()}" if fault.traceback else ""
        raise TheklaError(
            f"policy {policy.name!r} failed in its sandbox ({fault.kind}): {fault.message}{shown}"
        ) from fault
    except ValueError as error:
        raise ConfigError(str(error)) from error


def generate_workload(params: Path, target: Path, *, compat: str, force: bool) -> int:
    """Write the trace that a parameter file describes; returns how many pipelines it has.

    Raises:
        ConfigError: The parameters are wrong, or the file exists and `force` is not given.
    """
    if target.exists() and not force:
        raise ConfigError(f"{target} exists; name another file, or overwrite it with --force")
    trace = generated(read_settings(params), compat_named(compat))
    with target.open("w", encoding="utf-8", newline="\r\n") as file:  # the original's line ends
        file.write(write_trace(trace))
    return len(trace.pipelines)


def write_trace_suite(name: str, folder: Path) -> int:
    """Write the traces of a named suite and its parameters; returns how many traces there are.

    Raises:
        ConfigError: There is no such suite, or the folder holds something already.
    """
    if name not in SUITES:
        raise ConfigError(f"no trace suite is called {name!r}; use one of {', '.join(SUITES)}")
    if folder.exists() and any(folder.iterdir()):
        raise ConfigError(f"folder {folder} is not empty; name a new one")
    return len(write_suite(suite(name), folder)) - 1  # the parameters are one of the files


def calls_named(name: str) -> Calls:
    """The mode of calls of that name.

    Raises:
        ConfigError: There is none.
    """
    if name not in get_args(Calls):
        raise ConfigError(f"--calls {name!r} is unknown; use {_either(get_args(Calls))}")
    return cast(Calls, name)


def _either(names: Iterable[str]) -> str:
    return " or ".join(names)
