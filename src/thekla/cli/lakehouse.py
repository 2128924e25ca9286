"""Commands on the lakehouse simulator: run, generate and compare, without a search."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from thekla.cli import output
from thekla.cli.errors import FAILED
from thekla.cli.options import JsonFlag, Sandbox, sandbox_tier
from thekla.core.codec import encode
from thekla.core.values import Data
from thekla.core.visible import inset, number

if TYPE_CHECKING:
    from thekla.assembly.lakehouse import Comparison, Interval, LakehouseRun

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
CallsName: TypeAlias = Annotated[str, typer.Option("--calls", help="When a policy is called: events, exact or auto.")]
Workloads: TypeAlias = Annotated[
    list[Path] | None,
    typer.Option("--workload", "-w", help="Trace (CSV), may be repeated; by default the parameters' own workload."),
]
Seeds: TypeAlias = Annotated[
    int, typer.Option("--seeds", min=1, help="How many workloads to generate, with seeds from random_seed on.")
]
Objective: TypeAlias = Annotated[str, typer.Option("--objective", help="What is compared, as in p99_query.")]
Force: TypeAlias = Annotated[bool, typer.Option("--force", "-f", help="Overwrite what is there.")]


@app.command("run")
def run(
    params: Parameters,
    *,
    workload: Workload = None,
    scheduler: PolicyName = None,
    compat: CompatName = "thekla",
    calls: CallsName = "events",
    lenient: Annotated[
        bool, typer.Option("--lenient", help="Refuse and count orders that break a rule, and go on.")
    ] = False,
    sandbox: Sandbox = "strict",
    as_json: JsonFlag = False,
) -> None:
    """Simulate a policy on a trace; exit code 1 if the policy fails (a revision of Eudoxia fails as it does there)."""
    from thekla.assembly import lakehouse

    done = lakehouse.run_lakehouse(
        params,
        workload,
        scheduler=scheduler,
        compat=compat,
        calls=calls,
        lenient=lenient,
        sandbox=sandbox_tier(sandbox),
    )
    if as_json:
        output.print_json(done.record)
    else:
        _say_run(done)
    if done.result.fault is not None and not (as_json and done.reproduces_a_revision):
        raise typer.Exit(FAILED)


def _say_run(done: LakehouseRun) -> None:
    from thekla.assembly import lakehouse

    found, params = done.result.statistics, done.settings.params
    columns, classes = lakehouse.class_rows(done)
    pools = f"{params.num_pools} x {params.cpus_per_pool:g} CPUs, {params.ram_gb_per_pool:g} GB"
    output.table(
        columns,
        classes,
        title=f"{done.scheduler} on {done.trace.name}, {params.duration:g} s, {pools}, rules {done.compat}",
    )
    rows = [
        ("adjusted latency", lakehouse.finite(found.adjusted_latency()), "s, over the share that completed"),
        ("throughput", number(found.throughput), "containers/s"),
        ("containers", f"{found.containers_completed:,}", "completed"),
        ("p99 of their lives", lakehouse.finite(found.p99_latency), "s"),
        *((f"failed, {name}", f"{count:,}", "containers") for name, count in found.failure_error_counts.items()),
        ("assignments", f"{found.assignments:,}", ""),
        ("suspensions", f"{found.suspensions:,}", ""),
        ("memory given out", lakehouse.finite(found.mean_memory_allocated_percent), "% on average"),
        ("memory in use", lakehouse.finite(found.mean_memory_consumed_percent), "% on average"),
        ("policy calls", f"{done.result.policy_calls:,}", ""),
        *((f"refused, {kind}", f"{count:,}", "orders") for kind, count in done.result.refusals.items()),
    ]
    output.table(("measure", "value", "unit"), rows)
    if done.result.calls.reason:
        output.say(f"Calls: {done.result.calls}.")
    fault = done.result.fault
    if fault is not None:
        at_s = fault.tick / params.ticks_per_second
        line = f", line {fault.line}" if fault.line else ""
        output.say(f"The policy failed at {at_s:g} s (tick {fault.tick}){line}, {fault.kind}: {inset(fault.message)}")
        if fault.traceback:
            output.note(fault.traceback.rstrip("\n"))


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


@app.command("suite")
def suite(
    name: Annotated[str, typer.Argument(help="A trace suite of `lakehouse list`.")],
    target: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")],
    *,
    as_json: JsonFlag = False,
) -> None:
    """Write a named suite of traces as files: train, validation and holdout, and the parameters of its cluster."""
    from thekla.assembly import lakehouse

    count = lakehouse.write_trace_suite(name, target)
    if as_json:
        output.print_json({"written": str(target), "traces": count})
    else:
        output.say(f"{target}: {count} traces; search on them with: thekla run lakehouse --traces {target}")


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
        "oracles": found.oracles,
        "estimators": found.estimators,
        "compat": found.compat,
        "calls": found.calls,
        "trace suites": found.trace_suites,
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


@app.command("timeline")
def timeline(
    params: Parameters,
    *,
    target: Annotated[
        Path | None, typer.Option("--output", "-o", help="Drawing to write: FILE.svg, or FILE.html with a table.")
    ] = None,
    perfetto: Annotated[
        Path | None, typer.Option("--perfetto", help="Event log to write, for ui.perfetto.dev or chrome://tracing.")
    ] = None,
    from_s: Annotated[float, typer.Option("--from", min=0, help="Second at which the drawing begins.")] = 0.0,
    until_s: Annotated[
        float | None, typer.Option("--until", min=0, help="Second at which it ends.", show_default="the end")
    ] = None,
    workload: Workload = None,
    scheduler: PolicyName = None,
    compat: CompatName = "thekla",
    calls: CallsName = "events",
    sandbox: Sandbox = "strict",
    as_json: JsonFlag = False,
) -> None:
    """Draw what a policy does: containers over time in each pool, and memory given out and used."""
    from thekla.assembly import lakehouse

    pictures = lakehouse.Pictures(output=target, perfetto=perfetto, from_s=from_s, until_s=until_s)
    done = lakehouse.run_lakehouse(
        params, workload, scheduler=scheduler, compat=compat, calls=calls, sandbox=sandbox_tier(sandbox)
    )
    written = [str(path) for path in lakehouse.draw_timeline(done, pictures)]
    if as_json:
        output.print_json({"written": list(written)})
        return
    for name in written:
        output.say(name)


@app.command("compare")
def compare(
    policies: Annotated[list[str], typer.Argument(help="Policies of `lakehouse list`, or program files.")],
    *,
    params: Annotated[Path, typer.Option("--params", help="Parameter file (TOML, names of Eudoxia).")],
    workload: Workloads = None,
    seeds: Seeds = 10,
    objective: Objective = "penalised_latency",
    compat: CompatName = "thekla",
    sandbox: Sandbox = "strict",
    as_json: JsonFlag = False,
) -> None:
    """Simulate several policies on the same workloads: which is best, and by how much."""
    from thekla.assembly import lakehouse

    found = lakehouse.compare_policies(
        policies,
        params,
        workload or [],
        seeds=seeds,
        objective=objective,
        compat=compat,
        sandbox=sandbox_tier(sandbox),
    )
    if as_json:
        output.print_json(_comparison_data(found))
    else:
        _say_comparison(found)
    if all(row.score is None for row in found.policies):
        raise typer.Exit(FAILED)


def _comparison_data(found: Comparison) -> Data:
    return {
        "objective": found.objective.name,
        "unit": found.objective.unit,
        "direction": found.objective.direction,
        "workloads": list(found.workloads),
        "verdict": found.verdict,
        "policies": [
            {
                "name": row.name,
                "score": row.score,
                "interval": encode(row.interval),
                "against_best": encode(row.against_best),
                "instances": dict(row.instances),
                "failed": row.failed,
            }
            for row in found.policies
        ],
    }


def _say_comparison(found: Comparison) -> None:
    name, unit = found.objective.name, found.objective.unit
    cells: list[tuple[str, ...]] = []
    for row in found.policies:
        paired = row.against_best
        gap, record = "", ""
        if paired is not None:
            gap, record = number(paired.mean), f"{paired.wins}/{paired.ties}/{paired.losses}"
        score = number(row.score) if row.score is not None else "failed"
        spreads = _spread(row.interval), _spread(paired.mean_interval if paired else None)
        cells.append((row.name, score, spreads[0], gap, spreads[1], record))
    head: tuple[str, ...] = ("policy", unit, "95 % interval", "to the best", "95 % interval", "+/=/-")
    if output.narrow():  # the intervals of the differences tell more than those of the scores
        head, cells = head[:2] + head[3:], [cell[:2] + cell[3:] for cell in cells]
    better = "lower" if found.objective.direction == "minimize" else "higher"
    title = f"{name} in {unit}, {better} is better; mean over {_workloads(found.workloads)}"
    output.table(head, cells, title=title)
    output.say(found.verdict)
    for row in found.policies:
        if row.failed:
            output.say(inset(f"{row.name} failed {row.failed}"))


def _workloads(names: Sequence[str]) -> str:
    return "1 workload" if len(names) == 1 else f"{len(names)} workloads"


def _spread(interval: Interval | None) -> str:
    return output.interval(interval.low, interval.high) if interval is not None else ""


@app.command("sensitivity")
def sensitivity(
    params: Parameters,
    *,
    workload: Workloads = None,
    scheduler: PolicyName = None,
    seeds: Seeds = 1,
    jitter_seed: Annotated[int, typer.Option("--jitter-seed", min=0, help="Seed of the jitter.")] = 0,
    objective: Objective = "penalised_latency",
    compat: CompatName = "thekla",
    sandbox: Sandbox = "strict",
    as_json: JsonFlag = False,
) -> None:
    """Simulate at 1, 10, 100, ... ticks per second, with arrivals as they are, on ticks, and moved by up to a tick."""
    from thekla.assembly import lakehouse

    found = lakehouse.lakehouse_sensitivity(
        params,
        workload or [],
        scheduler=scheduler,
        seeds=seeds,
        jitter_seed=jitter_seed,
        objective=objective,
        compat=compat,
        sandbox=sandbox_tier(sandbox),
    )
    if as_json:
        rows: list[Data] = [
            {
                "ticks_per_second": row.ticks_per_second,
                "arrivals": row.arrivals,
                "score": row.score,
                "change": row.change,
            }
            for row in found.rows
        ]
        about: dict[str, Data] = {"scheduler": found.scheduler, "objective": found.objective.name}
        output.print_json({**about, "workloads": list(found.workloads), "rows": rows})
        return
    cells = [
        (
            f"{row.ticks_per_second:,}",
            row.arrivals,
            number(row.score),
            f"{100 * row.change:+.3f} %" if row.change is not None else "-",
        )
        for row in found.rows
    ]
    head = ("ticks/s", "arrivals", f"{found.objective.name} ({found.objective.unit})", "change")
    output.table(head, cells, left=2, title=f"{found.scheduler}, mean over {_workloads(found.workloads)}")
