"""What closed runs may claim: one run's verdict, and several runs' programs against each other."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from thekla.analysis.contest import Contest, contest, contest_tables
from thekla.analysis.reading import RunView
from thekla.analysis.tables import Table
from thekla.analysis.verdict import Verdict
from thekla.analysis.verdict import verdict as verdict_of
from thekla.analysis.wording import doubts_of_tier
from thekla.assembly.build import build_backend, build_package
from thekla.assembly.reading import view
from thekla.core.errors import ConfigError
from thekla.core.evaluation import Failed, Outcome, Scored
from thekla.core.problem import Objective, Split
from thekla.core.program import Program
from thekla.core.protocols import ProblemPackage
from thekla.evaluation.service import EvaluationService
from thekla.evaluation.splits import draw_fresh
from thekla.storage import MemoryRun

__all__ = ["Comparison", "compare", "require_same_evaluator", "verdict"]

_SHARED = (Split.VALIDATION, Split.PUBLIC, Split.TRAIN)  # hold-outs are drawn anew for each run


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Several runs' programs on instances that they share.

    Args:
        contests: The most telling first.
        failed: Why programs have no score on fresh instances.
        tiers: The sandbox tier of each run.
    """

    objective: Objective
    contests: tuple[Contest, ...]
    failed: Mapping[str, str] = field(default_factory=dict)
    tiers: Mapping[str, str] = field(default_factory=dict)

    @property
    def tables(self) -> tuple[Table, ...]:
        """All contests, in tables."""
        return tuple(table for held in self.contests for table in contest_tables(held, self.objective))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the runs' tiers take from the comparison: each was judged on its own splits under its own."""
        doubts = tuple(doubt for tier in sorted(set(self.tiers.values())) for doubt in doubts_of_tier(tier))
        if len(set(self.tiers.values())) < 2:
            return doubts
        each = ", ".join(f"{name} {tier}" for name, tier in self.tiers.items())
        return (f"The runs were scored under different sandbox tiers: {each}.", *doubts)


def verdict(run: str, runs: Path | None) -> Verdict:
    """What a closed run may claim.

    Raises:
        ConfigError: No run is meant by `run`, it is not closed, or nothing in it can be compared.
        StorageError: Its file cannot be read.
    """
    return verdict_of(view(run, runs))


def compare(
    named: Sequence[str], runs: Path | None, *, fresh: bool = False, sandbox: str = "strict", workers: int = 2
) -> Comparison:
    """The best programs of several runs on the instances that they share.

    Args:
        fresh: Whether to evaluate them, and the seed, on instances that none of the runs has met.

    Raises:
        ConfigError: There are fewer than two runs, or their scores do not compare.
        SandboxError: The sandbox cannot be had.
        StorageError: A run's file cannot be read.
    """
    if len(set(named)) < 2:
        raise ConfigError("name at least two runs to compare (see thekla list)")
    views = {Path(name).stem: view(name, runs) for name in dict.fromkeys(named)}
    first = next(iter(views.values()))
    for name, seen in views.items():
        _require_comparable(name, seen, first)
    held = [_on_split(views, split) for split in _SHARED]
    failed: Mapping[str, str] = {}
    if fresh:
        scores, failed = _on_fresh(views, sandbox, workers)
        held.insert(0, _contest(scores, views, "fresh"))
    contests = tuple(one for one in held if one is not None)
    if not contests:
        raise ConfigError("the runs share no instance on which all of them have a score; add --fresh")
    tiers = {name: seen.settings.tier for name, seen in views.items()}
    return Comparison(objective=first.objective, contests=contests, failed=failed, tiers=tiers)


def require_same_evaluator(package: ProblemPackage, seen: RunView) -> None:
    """Nothing, if this installation scores as the run did.

    Raises:
        ConfigError: It does not.
    """
    if package.evaluator_digest != seen.settings.evaluator:
        raise ConfigError(
            f"the run was scored by evaluator {seen.settings.evaluator[:12]}, and this installation has "
            f"{package.evaluator_digest[:12]} (problem, simulator, Python or numpy differ); their scores do not compare"
        )


def _require_comparable(name: str, seen: RunView, first: RunView) -> None:
    ours, theirs = seen.settings, first.settings
    differing = [
        what
        for what, one, other in (
            ("problem", ours.problem, theirs.problem),
            ("evaluator", ours.evaluator, theirs.evaluator),
            ("objective", ours.objectives[0].name, theirs.objectives[0].name),
        )
        if one != other
    ]
    if differing:
        raise ConfigError(
            f"run {name} has another {' and '.join(differing)} than the first; their scores do not compare"
        )
    if seen.best is None:
        raise ConfigError(f"run {name} has scored no program")


def _on_split(views: Mapping[str, RunView], split: Split) -> Contest | None:
    scores = {name: _scores(seen, _best_on(seen, split)) for name, seen in views.items()}
    return _contest(scores, views, str(split)) if all(scores.values()) else None


def _best_on(seen: RunView, split: Split) -> Outcome | None:
    """The outcome of a run's best program on a split that it was judged on."""
    best = seen.best
    assert best is not None
    mine = (row for row in seen.judged if row.split is split and row.program == best.program)
    judged = next((row.outcome for row in mine if row.role in ("winner", "finalist")), None)
    return judged if judged is not None or split is not Split.TRAIN else best.outcome


def _scores(seen: RunView, outcome: Outcome | None) -> dict[str, float]:
    if not isinstance(outcome, Scored):
        return {}
    return {instance: result.scores[seen.objective.name] for instance, result in outcome.instances.items()}


def _contest(scores: Mapping[str, Mapping[str, float]], views: Mapping[str, RunView], split: str) -> Contest | None:
    first = next(iter(views.values()))
    return contest(scores, first.objective, split=split, seed=first.settings.seed) if len(scores) > 1 else None


def _on_fresh(
    views: Mapping[str, RunView], sandbox: str, workers: int
) -> tuple[dict[str, dict[str, float]], dict[str, str]]:
    """The scores of all best programs and the seed on instances drawn from the ends of all runs, and who failed."""
    first = next(iter(views.values()))
    reference = first.settings.problem
    package = build_package(reference)
    require_same_evaluator(package, first)
    unclosed = [name for name, seen in views.items() if seen.status != "closed"]
    if unclosed:
        raise ConfigError(f"run {unclosed[0]} is not closed, so that instances could still become known to it")
    instances = draw_fresh(package, [seen.chain for seen in views.values()], "compare")
    programs: dict[str, Program] = {
        name: program for name, seen in views.items() if (program := seen.best_program) is not None
    }
    if first.seed_program is not None:
        programs["seed"] = first.seed_program

    async def judge() -> list[Outcome]:
        backend = build_backend(reference, sandbox=sandbox, workers=workers)
        service = EvaluationService(package, backend, MemoryRun(), reference=reference, tier=backend.tier)
        async with service:
            jobs = (service.judge(program, instances, stage="fresh") for program in programs.values())
            return list(await asyncio.gather(*jobs))

    outcomes = asyncio.run(judge())
    ended = dict(zip(programs, outcomes, strict=True))
    failed = {name: f"{one.kind}: {one.message}" for name, one in ended.items() if isinstance(one, Failed)}
    return {name: _scores(first, one) for name, one in ended.items() if name not in failed}, failed
