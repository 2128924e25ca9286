"""Commands for authors of problems: audit what there is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thekla.cli import output
from thekla.cli.errors import FAILED
from thekla.cli.options import JsonFlag, ObjectiveName, ParamsFile, Suite, Traces, problem_arguments, sandbox_tier
from thekla.cli.options import Sandbox as SandboxName
from thekla.core.errors import ConfigError
from thekla.core.visible import duration

if TYPE_CHECKING:
    from thekla.assembly import AuditReport

__all__ = ["audit"]

ProblemPlace = Annotated[str, typer.Argument(help="A problem of `thekla problems`, or the path of a problem's folder.")]


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
            output.say(f"{finding.severity}: {finding.fault}: {finding.message}")
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
