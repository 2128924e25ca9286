"""Commands for authors of problems: make one, look it over, audit it."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thekla.cli import output
from thekla.cli.errors import FAILED
from thekla.cli.options import JsonFlag, ObjectiveName, ParamsFile, Suite, Traces, problem_arguments, sandbox_tier
from thekla.cli.options import Sandbox as SandboxName
from thekla.core.errors import ConfigError
from thekla.core.visible import duration, inset

if TYPE_CHECKING:
    from thekla.assembly import AuditReport

__all__ = ["audit", "lint", "new"]

ProblemPlace = Annotated[str, typer.Argument(help="A problem of `thekla problems`, or the path of a problem's folder.")]


def new(
    folder: Annotated[Path, typer.Argument(help="The folder to make; its name becomes the problem's.")],
    *,
    kind: Annotated[str, typer.Option(help="`answer`: one call per instance; `policy`: one per decision.")] = "answer",
    as_json: JsonFlag = False,
) -> None:
    """Make a problem of your own: a folder that works and passes the audit, for you to change."""
    from thekla import assembly

    written = [str(path) for path in assembly.new_problem(folder, kind=kind)]
    if as_json:
        output.print_json({"kind": kind, "written": list(written)})
        return
    for path in written:
        output.say(path)
    place = shlex.quote(str(folder) if "/" in str(folder) else f"./{folder}")
    for command in ("lint", "audit", "ladder", "run"):
        output.say(f"  thekla {command} {place}")


def lint(
    target: Annotated[str, typer.Argument(help="A problem, the path of a problem's folder, or a program file.")],
    *,
    problem: Annotated[str, typer.Option(help="The problem that a program file is for.")] = "",
    suite: Suite = "default",
    as_json: JsonFlag = False,
) -> None:
    """Look a problem or a program over without running it; exit code 1 if something is certain to fail."""
    from thekla import assembly

    if target.endswith(".py") and not problem:
        raise ConfigError(f"name the problem that {target} is for, as in: thekla lint {target} --problem PROBLEM")
    rows = assembly.lint(target, problem=problem, suite=suite)
    if as_json:
        output.print_json([{"where": row.where, "message": row.message, "certain": row.certain} for row in rows])
    for row in () if as_json else rows:
        output.say(f"{'error' if row.certain else 'advice'}: {row.where}: {inset(row.message)}")
    if not rows:
        output.note("nothing to say")
    if any(row.certain for row in rows):
        raise typer.Exit(FAILED)


def audit(
    problem: ProblemPlace,
    *,
    suite: Suite = "default",
    budget_s: Annotated[
        float, typer.Option("--budget-s", min=1.0, help="Seconds after which further checks are skipped.")
    ] = 120.0,
    quick: Annotated[bool, typer.Option("--quick", help="Only what `thekla run` asks of your own problems.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write one self-contained HTML file.")] = None,
    traces: Traces = None,
    objective: ObjectiveName = None,
    params: ParamsFile = None,
    sandbox: SandboxName = "strict",
    as_json: JsonFlag = False,
) -> None:
    """Find out whether scores of a problem can be believed; exit code 1 if not, or if time ran out before the end."""
    from thekla import assembly

    if html is not None and not html.parent.is_dir():
        raise ConfigError(f"the folder {str(html.parent)!r} does not exist; make it, or name another file")
    report = assembly.audit(
        problem,
        suite,
        budget_s=budget_s,
        sandbox=sandbox_tier(sandbox),
        quick=quick,
        arguments=problem_arguments(traces, objective, params),
        observer=lambda name, place, count: output.note(f"{place}/{count} {name}"),
    )
    if html is not None:
        assembly.write_audit(report, html)
    if as_json:
        output.print_json(assembly.audit_data(report))
    else:
        _say(report)
        if html is not None:
            output.say(str(html))
    if report.verdict in ("unfit", "incomplete"):
        raise typer.Exit(FAILED)


def _say(report: AuditReport) -> None:
    rows = [(check.check, check.about, _word(check.skipped, str(check.worst or ""))) for check in report.checks]
    output.table(("check", "promise", "found"), rows, left=3)
    for check in report.checks:
        for finding in check.findings:
            output.say(f"{finding.severity}: {finding.fault}: {inset(finding.message)}")
            if finding.remedy:
                output.say(f"  remedy: {finding.remedy}")
        if check.skipped:
            output.say(f"skipped: {check.check}: {check.skipped}")
    output.say(
        f"{report.problem}, suite {report.suite}: {report.verdict} ({report.evaluations} evaluations in "
        f"{duration(report.wall_s)})"
    )


def _word(skipped: str, worst: str) -> str:
    return "skipped" if skipped else worst if worst in ("fatal", "warning") else "holds"
