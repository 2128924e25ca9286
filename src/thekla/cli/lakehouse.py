"""Commands on the lakehouse simulator: run, generate and compare, without a search."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from thekla.cli import output
from thekla.cli.errors import FAILED
from thekla.cli.options import JsonFlag, Sandbox, sandbox_tier
from thekla.core.visible import number

if TYPE_CHECKING:
    from thekla.assembly.lakehouse import LakehouseRun

__all__ = ["app"]

app = typer.Typer(
    help="Simulate a lakehouse: run, compare and look at scheduling policies.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Parameters: TypeAlias = Annotated[Path, typer.Argument(help="Parameter file (TOML, names of Eudoxia).")]
Workload: TypeAlias = Annotated[
    Path | None, typer.Option("--workload", "-w", help="Trace (CSV); by default the parameters' own workload.")
]
PolicyName: TypeAlias = Annotated[
    str | None, typer.Option("--scheduler", "-s", help="A policy of `lakehouse list`, or a program file.")
]
CompatName: TypeAlias = Annotated[
    str, typer.Option("--compat", help="Whose rules hold: thekla, eudoxia-pin or eudoxia-cur.")
]
CallsName: TypeAlias = Annotated[str, typer.Option("--calls", help="When a policy is called: events or exact.")]
Force: TypeAlias = Annotated[bool, typer.Option("--force", "-f", help="Overwrite what is there.")]


@app.command("run")
def run(
    params: Parameters,
    *,
    workload: Workload = None,
    scheduler: PolicyName = None,
    compat: CompatName = "thekla",
    calls: CallsName = "events",
    sandbox: Sandbox = "strict",
    as_json: JsonFlag = False,
) -> None:
    """Simulate a policy on a trace; exit code 1 if the policy fails (a revision of Eudoxia fails as it does there)."""
    from thekla.assembly import lakehouse

    done = lakehouse.run_lakehouse(
        params, workload, scheduler=scheduler, compat=compat, calls=calls, sandbox=sandbox_tier(sandbox)
    )
    if as_json:
        output.print_json(done.record)
    else:
        _say_run(done)
    if done.result.fault is not None and not (as_json and done.reproduces_a_revision):
        raise typer.Exit(FAILED)


def _say_run(done: LakehouseRun) -> None:
    found, params = done.result.statistics, done.settings.params
    groups = [("query", found.pipelines_query), ("interactive", found.pipelines_interactive)]
    groups += [("batch", found.pipelines_batch), ("all", found.pipelines_all)]
    classes = [
        (
            name,
            f"{of.arrival_count:,}",
            f"{of.completion_count:,}",
            f"{of.timeout_count:,}",
            _seconds(of.mean_latency_seconds),
            _seconds(of.p99_latency_seconds),
        )
        for name, of in groups
    ]
    pools = f"{params.num_pools} x {params.cpus_per_pool:g} CPUs, {params.ram_gb_per_pool:g} GB"
    output.table(
        ("pipelines", "arrived", "completed", "given up", "mean s", "p99 s"),
        classes,
        title=f"{done.scheduler} on {done.trace.name}, {params.duration:g} s, {pools}, rules {done.compat}",
    )
    rows = [
        ("adjusted latency", _seconds(found.adjusted_latency()), "s, over the share that completed"),
        ("throughput", number(found.throughput), "containers/s"),
        ("containers", f"{found.containers_completed:,}", "completed"),
        ("p99 of their lives", _seconds(found.p99_latency), "s"),
        *((f"failed, {name}", f"{count:,}", "containers") for name, count in found.failure_error_counts.items()),
        ("assignments", f"{found.assignments:,}", ""),
        ("suspensions", f"{found.suspensions:,}", ""),
        ("memory given out", _seconds(found.mean_memory_allocated_percent), "% on average"),
        ("memory in use", _seconds(found.mean_memory_consumed_percent), "% on average"),
        ("policy calls", f"{done.result.policy_calls:,}", ""),
    ]
    output.table(("measure", "value", "unit"), rows)
    fault = done.result.fault
    if fault is not None:
        at_s = fault.tick / params.ticks_per_second
        output.say(f"The policy failed at {at_s:g} s (tick {fault.tick}), {fault.kind}: {fault.message}")
        if fault.traceback:
            output.note(fault.traceback.rstrip("\n"))


def _seconds(value: float) -> str:
    """A statistic for people; it is infinite or not a number where nothing ended."""
    return number(value) if value - value == 0 else "-"


@app.command("gentrace")
def gentrace(
    params: Parameters,
    target: Annotated[Path, typer.Option("--output", "-o", help="Trace file to write (CSV).")],
    *,
    compat: Annotated[str, typer.Option("--compat", help="Whose generator: eudoxia-pin or eudoxia-cur.")] = (
        "eudoxia-cur"
    ),
    force: Force = False,
    as_json: JsonFlag = False,
) -> None:
    """Write the trace that a parameter file describes."""
    from thekla.assembly import lakehouse

    count = lakehouse.generate_workload(params, target, compat=compat, force=force)
    if as_json:
        output.print_json({"written": str(target), "pipelines": count})
    else:
        output.say(f"{target}: {count:,} pipelines")


@app.command("init")
def init(
    target: Annotated[Path, typer.Argument(help="Folder, or the policy's file (.py).")],
    *,
    force: Force = False,
    as_json: JsonFlag = False,
) -> None:
    """Write a commented policy and a parameter file to start from."""
    from thekla.assembly import lakehouse

    policy, params = lakehouse.init_lakehouse(target, force=force)
    if as_json:
        output.print_json({"policy": str(policy), "params": str(params)})
        return
    output.say(f"Wrote {policy} and {params}. Try it:")
    output.say(f"  thekla lakehouse run {params} --scheduler {policy}")


@app.command("list")
def list_names(*, as_json: JsonFlag = False) -> None:
    """List policies, estimators, rules, modes of calls and suites."""
    from thekla.assembly import lakehouse

    found = lakehouse.lakehouse_names()
    groups = {
        "policies": found.policies,
        "estimators": found.estimators,
        "compat": found.compat,
        "calls": found.calls,
        "suites": found.suites,
    }
    if as_json:
        output.print_json({group: dict(names) for group, names in groups.items()})
        return
    rows = [
        (group if index == 0 else "", name, about)
        for group, names in groups.items()
        for index, (name, about) in enumerate(names.items())
    ]
    output.table(("", "name", "about"), rows, left=3)
