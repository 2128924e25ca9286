"""Problems by name: what there is, the ladder of each, and single evaluations, without a run."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from thekla.analysis.statistics import bootstrap_interval
from thekla.assembly.build import build_backend, build_package
from thekla.assembly.options import located
from thekla.core import registry
from thekla.core.errors import ConfigError
from thekla.core.evaluation import AGGREGATES, Failed, Outcome, Scored
from thekla.core.problem import ProblemRef, Split
from thekla.core.program import Program
from thekla.core.protocols import ProblemPackage
from thekla.core.rng import stream
from thekla.core.values import Data
from thekla.evaluation.checks import check_candidate
from thekla.evaluation.service import EvaluationService
from thekla.evaluation.splits import instances_of
from thekla.storage import MemoryRun

__all__ = ["LadderRow", "ProblemRow", "evaluate", "ladder", "problems"]


@dataclass(frozen=True, kw_only=True)
class ProblemRow:
    """A problem that is installed, with its suites and what each is for."""

    name: str
    suites: Mapping[str, str]
    objective: str
    unit: str
    direction: str


@dataclass(frozen=True, kw_only=True)
class LadderRow:
    """A rung: a score with its interval over the instances, or the reason why there is none.

    Args:
        role: `trivial`, `rule`, `state_of_the_art`, `oracle` (knows hidden truth), `published` or `bound`.
        low, high: Bootstrap interval at 95 % of the aggregate; None where there are no instances.
        instances: Score by instance.
    """

    name: str
    role: str
    score: float | None
    objective: str
    unit: str
    failed: str = ""
    low: float | None = None
    high: float | None = None
    instances: Mapping[str, float] = field(default_factory=dict)
    source: str = ""


def problems() -> list[ProblemRow]:
    """All problems that are installed, by name."""
    rows = []
    for name in registry.names("problems"):
        package = build_package(ProblemRef(name=name, suite="default"))
        objective = package.problem.objective
        rows.append(
            ProblemRow(
                name=name,
                suites=package.suites,
                objective=objective.name,
                unit=objective.unit,
                direction=objective.direction,
            )
        )
    return rows


def ladder(
    problem: str,
    suite: str = "default",
    split: str = "train",
    *,
    sandbox: str = "strict",
    workers: int = 2,
    arguments: Mapping[str, Data] | None = None,
) -> list[LadderRow]:
    """Every baseline on the instances of a split, the published figures and the bound.

    Args:
        arguments: Of the problem.

    Raises:
        ConfigError: There is no such problem, suite or split, or it is the hold-out.
        SandboxError: The sandbox cannot be had.
    """
    reference = ProblemRef(name=located(problem), suite=suite, arguments=arguments or {})
    package = build_package(reference)
    instances = instances_of(package.problem, _split(split))

    async def judge() -> tuple[list[Outcome], Mapping[str, float]]:
        async with _service(package, reference, sandbox, workers) as service:
            judged = (service.judge_baseline(rung, instances, stage=split) for rung in package.baselines)
            return list(await asyncio.gather(*judged)), await service.bound(instances)

    outcomes, bound = asyncio.run(judge())
    objective = package.problem.objective
    rows = [
        _rung(package, baseline.name, baseline.role, outcome, baseline.description or baseline.source)
        for baseline, outcome in zip(package.baselines, outcomes, strict=True)
    ]
    if Split(split) in _published_on(package):
        rows += [
            LadderRow(
                name=name, role="published", score=value, source=source, objective=objective.name, unit=objective.unit
            )
            for name, (value, source) in package.problem.published.items()
        ]
    if objective.name in bound:
        rows.append(
            LadderRow(
                name="bound",
                role="bound",
                score=bound[objective.name],
                source="proven",
                objective=objective.name,
                unit=objective.unit,
            )
        )
    return rows


def evaluate(
    problem: str,
    file: Path,
    suite: str = "default",
    split: str = "train",
    *,
    sandbox: str = "strict",
    workers: int = 2,
    arguments: Mapping[str, Data] | None = None,
) -> Outcome:
    """A program from a file, on the instances of a split.

    Args:
        arguments: Of the problem.

    Raises:
        ConfigError: As `ladder`, or the file cannot be read.
        SandboxError: The sandbox cannot be had.
    """
    reference = ProblemRef(name=located(problem), suite=suite, arguments=arguments or {})
    package = build_package(reference)
    instances = instances_of(package.problem, _split(split))
    try:
        program = Program.from_text(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"program {file} cannot be read: {error}") from error
    failed = check_candidate(program, package)
    if failed is not None:
        return failed

    async def judge() -> Outcome:
        async with _service(package, reference, sandbox, workers) as service:
            return await service.judge(program, instances, stage=split)

    return asyncio.run(judge())


def _service(package: ProblemPackage, reference: ProblemRef, sandbox: str, workers: int) -> EvaluationService:
    backend = build_backend(reference, sandbox=sandbox, workers=workers)
    return EvaluationService(package, backend, MemoryRun(), reference=reference, tier=backend.tier)


def _split(name: str) -> Split:
    if name not in list(Split):
        raise ConfigError(f"no split is called {name!r}; use one of {', '.join(Split)}")
    return Split(name)


def _published_on(package: ProblemPackage) -> frozenset[Split]:
    """The splits on which published figures are comparable: the published instances themselves."""
    problem = package.problem
    if Split.PUBLIC in problem.instances:
        return frozenset({Split.PUBLIC})
    return frozenset({Split.TRAIN}) if problem.published else frozenset()


def _rung(package: ProblemPackage, name: str, role: str, outcome: Outcome, source: str) -> LadderRow:
    objective = package.problem.objective
    if isinstance(outcome, Failed):
        failed = f"{outcome.kind}: {outcome.message}"
        return LadderRow(
            name=name,
            role=role,
            score=None,
            failed=failed,
            source=source,
            objective=objective.name,
            unit=objective.unit,
        )
    assert isinstance(outcome, Scored)
    scores = {instance: result.scores[objective.name] for instance, result in outcome.instances.items()}
    interval = bootstrap_interval(list(scores.values()), AGGREGATES[objective.aggregate], rng=stream(0, "ladder", name))
    return LadderRow(
        name=name,
        role=role,
        score=outcome.scores[objective.name],
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        instances=scores,
        source=source,
        objective=objective.name,
        unit=objective.unit,
    )
