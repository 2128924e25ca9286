"""Commands that judge what runs found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thekla.cli import output
from thekla.cli.errors import FAILED
from thekla.cli.options import JsonFlag, Runs, Sandbox, Workers, sandbox_tier
from thekla.cli.runs import RunName
from thekla.core.codec import encode
from thekla.core.errors import ConfigError
from thekla.core.values import Data
from thekla.core.visible import inset, number

if TYPE_CHECKING:
    from thekla.assembly import Verdict

__all__ = ["compare", "promote", "verdict"]


def compare(
    run: Annotated[list[str], typer.Argument(help="Two or more runs of one problem and suite.")],
    *,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Evaluate their programs on instances that none of the runs has met.")
    ] = False,
    workers: Workers = 2,
    sandbox: Sandbox = "strict",
    runs: Runs = None,
    as_json: JsonFlag = False,
) -> None:
    """Compare what several runs found, instance by instance, with intervals and corrected p-values."""
    from thekla import assembly

    found = assembly.compare(run, runs, fresh=fresh, sandbox=sandbox_tier(sandbox), workers=workers)
    if as_json:
        contests: list[Data] = [encode(held) for held in found.contests]
        warnings: list[Data] = [*found.warnings]
        about: dict[str, Data] = {"failed": dict(found.failed), "tiers": dict(found.tiers), "warnings": warnings}
        output.print_json({"runs": list(run), "contests": contests, **about})
        return
    for warning in found.warnings:
        output.note(f"Warning: {warning}")
    for name, reason in found.failed.items():
        output.note(f"{name} has no score on the fresh instances: {inset(reason)}")
    output.tables(found.tables)


def verdict(run: RunName, *, runs: Runs = None, as_json: JsonFlag = False) -> None:
    """Say what a closed run may claim, in a word, with the evidence.

    The word is improved, fragile, within noise, not improved, overfit, or rediscovered.
    """
    from thekla import assembly

    found = assembly.verdict(run, runs)
    if as_json:
        output.print_json({"run": run, **_data(found)})
        return
    output.say(f"{run}: {found.word}")
    for reason in found.reasons:
        output.say(f"- {reason}")
    output.table(
        ("against", "gain", "w/t/l", "effect", "p (Holm)", "better"),
        [
            (
                claim.rival,
                "-" if claim.gain is None else f"{number(100 * claim.gain, digits=3)} %",
                f"{claim.paired.wins}/{claim.paired.ties}/{claim.paired.losses}",
                "-" if claim.paired.effect is None else f"{claim.paired.effect:.2f}",
                f"{claim.p_adjusted:.2g}",
                "yes" if claim.better else "worse" if claim.worse else "not shown",
            )
            for claim in found.claims
        ],
        title=f"The winner on {found.split}",
    )
    for alike in found.alike[:1]:
        output.say(f"Most like it among the known: {alike.name}, {alike.structure:.0%} of the structure.")


def promote(
    run: RunName,
    *,
    html: Annotated[Path | None, typer.Option(help="Write one self-contained HTML file.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write Markdown.")] = None,
    tolerance: Annotated[
        float, typer.Option(min=0, max=0.999, help="Share of the score that simplification may cost.")
    ] = 0.01,
    tries: Annotated[int, typer.Option(min=0, help="Programs that simplification may evaluate.")] = 60,
    mutations: Annotated[int, typer.Option(min=0, help="Workloads that the adversary may make.")] = 20,
    workers: Workers = 2,
    sandbox: Sandbox = "strict",
    runs: Runs = None,
    as_json: JsonFlag = False,
) -> None:
    """Put a run's winner to the test before it is called a discovery. Exit code 1 if it fails a check."""
    from thekla import assembly

    for path in (html, markdown):
        if path is not None and not path.parent.is_dir():
            raise ConfigError(f"the folder {str(path.parent)!r} does not exist; make it, or name another file")
    found = assembly.promote(
        run,
        runs,
        effort=assembly.Effort(tolerance=tolerance, tries=tries, mutations=mutations),
        html=html,
        markdown=markdown,
        sandbox=sandbox_tier(sandbox),
        workers=workers,
        report=lambda check: output.note(f"checking: {check}"),
    )
    if as_json:
        output.print_json({"run": run, "written": [str(path) for path in found.written], **found.data})
    else:
        output.say(str(found.data["answer"]))
        output.table(found.table.columns, found.table.rows, left=found.table.left)
        for path in found.written:
            output.say(f"The report: {path}")
    if not found.promotion.passed:
        raise typer.Exit(FAILED)


def _data(found: Verdict) -> dict[str, Data]:
    data = encode(found)
    assert isinstance(data, dict)
    return {name: value for name, value in data.items() if name != "type"}
