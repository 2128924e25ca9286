"""A run's winner before the promotion gate."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from thekla.analysis.reading import RunView
from thekla.analysis.tables import Table
from thekla.analysis.verdict import verdict
from thekla.assembly.build import build_backend, build_package
from thekla.assembly.judgement import require_same_evaluator
from thekla.assembly.places import folder
from thekla.assembly.reading import replace_file, view
from thekla.core.errors import ConfigError
from thekla.core.evaluation import Outcome
from thekla.core.problem import Instance, Split
from thekla.core.program import Program
from thekla.core.protocols import ProblemPackage, WorkloadSpace
from thekla.core.values import Data
from thekla.evaluation.service import EvaluationService
from thekla.evaluation.splits import draw_fresh
from thekla.promotion import Effort, Promotion, Rivals, render_html, render_markdown
from thekla.promotion import promote as promote_program
from thekla.promotion.gate import Grounds
from thekla.promotion.report import data_of, overview
from thekla.storage import MemoryRun

__all__ = ["PromotionResult", "promote"]

_KNOWN_ROLES = ("rule", "state_of_the_art")
_DRAWS = 2  # hold-outs' worth of workloads with which the adversary begins


@dataclass(frozen=True, kw_only=True)
class PromotionResult:
    """What the gate said, and where it is written."""

    promotion: Promotion
    written: tuple[Path, ...]

    @property
    def data(self) -> Mapping[str, Data]:
        """All of it for programs."""
        return data_of(self.promotion)

    @property
    def table(self) -> Table:
        """A row for each check."""
        return overview(self.promotion)


def promote(
    run: str,
    runs: Path | None,
    *,
    effort: Effort | None = None,
    html: Path | None = None,
    markdown: Path | None = None,
    sandbox: str = "strict",
    workers: int = 2,
    report: Callable[[str], None] = lambda check: None,
) -> PromotionResult:
    """Put the winner of a closed run before the gate, against the strongest program of its ladder.

    Args:
        html, markdown: Where to write the report; without either, as HTML beside the run file.

    Raises:
        ConfigError: The run is not closed, or this installation does not score as it did.
        SandboxError: The sandbox cannot be had.
        StorageError: The run cannot be read, or the report not be written.
    """
    seen = view(run, runs)
    package = build_package(seen.settings.problem)
    rivals = _rivals(seen)
    require_same_evaluator(package, seen)
    grounds = _grounds(package, seen)
    backend = build_backend(seen.settings.problem, sandbox=sandbox, workers=workers)
    service = EvaluationService(
        package, backend, MemoryRun(), reference=seen.settings.problem, tier=backend.tier, objectives=(seen.objective,)
    )

    listed = {each.id for each in (*grounds.known, *grounds.fresh, *grounds.drawn)}

    async def judge(program: Program, instances: Sequence[Instance]) -> Outcome:
        """Held to proven bounds where the winner's claims are made; what the gate changes may be many times as large,
        and a bound of such an instance cost up to nine times its evaluation."""
        known = all(each.id in listed for each in instances)
        return await service.judge(program, instances, stage="promotion", bounded=known)

    async def go() -> Promotion:
        async with service:
            return await promote_program(
                rivals,
                judge,
                grounds,
                effort=effort or Effort(),
                seed=seen.settings.seed,
                report=report,
            )

    promotion = asyncio.run(go())
    return PromotionResult(promotion=promotion, written=_write(promotion, seen, run, runs, html, markdown))


def _rivals(seen: RunView) -> Rivals:
    """The winner, and the strongest rung of the ladder that is a program."""
    program, strongest = seen.best_program, verdict(seen).rival
    programs = {each.name: each.program for each in seen.settings.baselines if each.program is not None}
    if seen.seed_program is not None:
        programs["seed"] = seen.seed_program
    if program is None or strongest not in programs:
        raise ConfigError("the run has no winner, or no program of the ladder to compare it with")
    known = {each.name for each in seen.settings.baselines if each.role in _KNOWN_ROLES}
    return Rivals(
        program=program,
        baseline=programs[strongest],
        baseline_name=strongest,
        objective=seen.objective,
        known={name: one for name, one in programs.items() if name in known},
    )


def _grounds(package: ProblemPackage, seen: RunView) -> Grounds:
    """Where the gate works: on instances that nobody has met; on validation if the problem's hold-out is fixed, which
    every promotion would wear out."""
    known = package.problem.instances[Split.TRAIN]
    space = package if isinstance(package, WorkloadSpace) else None
    if package.problem.fixed_holdout:
        kept = package.problem.instances.get(Split.VALIDATION, known)
        return Grounds(known=known, fresh=kept, drawn=kept, space=space, fresh_name=str(Split.VALIDATION))
    drawn: list[Instance] = []
    for number in range(_DRAWS):
        drawn += draw_fresh(package, [seen.chain], f"adversary {number}")
    return Grounds(known=known, fresh=draw_fresh(package, [seen.chain], "promotion"), drawn=drawn, space=space)


def _write(
    promotion: Promotion, seen: RunView, run: str, runs: Path | None, html: Path | None, markdown: Path | None
) -> tuple[Path, ...]:
    path = folder(runs).find(run)
    if html is None and markdown is None:
        html = path.with_suffix(".promotion.html")
    written = []
    for target, render in ((html, render_html), (markdown, render_markdown)):
        if target is not None:
            replace_file(target, render(promotion, problem=seen.settings.problem.name, run=path.stem))
            written.append(target)
    return tuple(written)
