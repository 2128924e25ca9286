"""The ladder of a run: seed, baselines, published figures, winner and bound, side by side over the splits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from thekla.analysis.reading import RunView
from thekla.analysis.statistics import Interval, PairedComparison, bootstrap_interval, compare_paired
from thekla.core.evaluation import AGGREGATES, Failed, Outcome, Scored
from thekla.core.journal import Judged
from thekla.core.problem import Baseline, Split
from thekla.core.program import CandidateId
from thekla.core.rng import stream

__all__ = ["SPLITS", "Generalisation", "Ladder", "Rung", "Standing", "compare_with_seed", "generalisation", "ladder"]

SPLITS = (Split.TRAIN, Split.VALIDATION, Split.PUBLIC, Split.HOLDOUT)


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One rung on one split.

    Args:
        score: None if the program failed there.
        failed: Why it has no score.
        interval: 95 % bootstrap interval over instances; None for a published or computed figure.
        instances: Score per instance.
    """

    score: float | None
    failed: str = ""
    interval: Interval | None = None
    instances: Mapping[str, float] = field(default_factory=dict)
    measures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Rung:
    """A row of the ladder.

    Args:
        role: `seed`, `winner`, `leader`, `finalist`, `published`, `bound`, or the role of a baseline.
        stated: A published figure whose instances this run did not score on; it compares with no column.
    """

    name: str
    role: str
    description: str = ""
    source: str = ""
    standings: Mapping[Split, Standing] = field(default_factory=dict)
    stated: float | None = None


@dataclass(frozen=True, kw_only=True)
class Ladder:
    """The rungs, worst first on the split that most of them share, the bound last.

    Args:
        splits: Those on which a rung has a figure.
        best_name: The rung of the winner, or of the leader of a run that is not closed; may be the seed's.
    """

    rungs: tuple[Rung, ...]
    splits: tuple[Split, ...]
    best_name: str

    def of_role(self, role: str) -> Rung | None:
        """The first rung of a role."""
        return next((rung for rung in self.rungs if rung.role == role), None)

    @property
    def best(self) -> Rung | None:
        """The winner, or the leader of a run that is not closed."""
        return next((rung for rung in self.rungs if rung.name == self.best_name), None)


@dataclass(frozen=True, kw_only=True)
class Generalisation:
    """What is left of the winner's score on a split that did not steer the search.

    Args:
        gap: Relative loss against train, positive if worse; None if the train score is 0.
    """

    split: Split
    score: float
    train: float
    gap: float | None


def ladder(view: RunView) -> Ladder:
    """The ladder of a run, from its judged rows and from what the search scored on train."""
    rungs = [*_judged_rungs(view), *_published_rungs(view)]
    bound = _bound_rung(view)
    ordered = _ordered(view, rungs)
    every = (*ordered, bound) if bound else tuple(ordered)
    splits = tuple(split for split in SPLITS if any(split in rung.standings for rung in every))
    return Ladder(rungs=every, splits=splits, best_name=view.best.id if view.best and view.best.id else "")


def generalisation(view: RunView, steps: Ladder) -> tuple[Generalisation, ...]:
    """How the best program's score on each other split relates to its score on train."""
    best = steps.best
    train = best.standings.get(Split.TRAIN) if best else None
    if best is None or train is None or train.score is None:
        return ()
    rows = []
    for split in SPLITS[1:]:
        standing = best.standings.get(split)
        if standing is not None and standing.score is not None:
            loss = view.objective.gain(train.score) - view.objective.gain(standing.score)
            gap = loss / abs(train.score) if train.score else None
            rows.append(Generalisation(split=split, score=standing.score, train=train.score, gap=gap))
    return tuple(rows)


def compare_with_seed(view: RunView, steps: Ladder) -> Mapping[Split, PairedComparison]:
    """The best program against the seed, instance by instance, on each split where both were scored."""
    best, seed = steps.best, steps.of_role("seed")
    if best is None or seed is None:
        return {}
    found = {}
    for split in steps.splits:
        ours, theirs = best.standings.get(split), seed.standings.get(split)
        if ours is not None and theirs is not None:
            rng = stream(view.settings.seed, "analysis", "paired", split)
            compared = compare_paired(ours.instances, theirs.instances, view.objective, rng=rng)
            if compared is not None:
                found[split] = compared
    return found


def _standing(view: RunView, name: str, split: Split, outcome: Outcome) -> Standing:
    objective = view.objective
    if isinstance(outcome, Failed):
        return Standing(score=None, failed=f"{outcome.kind} in {outcome.stage}: {outcome.message}")
    instances = {
        instance: result.scores[objective.name]
        for instance, result in outcome.instances.items()
        if objective.name in result.scores
    }
    return Standing(
        score=outcome.scores[objective.name],
        interval=bootstrap_interval(
            list(instances.values()),
            AGGREGATES[objective.aggregate],
            rng=stream(view.settings.seed, "analysis", "ladder", name, split),
        ),
        instances=instances,
        measures={**{key: score for key, score in outcome.scores.items() if key != objective.name}, **outcome.measures},
    )


def _judged_rungs(view: RunView) -> list[Rung]:
    facts: dict[str, dict[Split, Judged]] = {}
    roles: dict[str, str] = {}
    for candidate, role in ((view.seed, "seed"), (view.best, "winner" if view.winner else "leader")):
        if candidate is not None and candidate.id is not None:
            facts.setdefault(candidate.id, {})
            roles.setdefault(candidate.id, role)
    for row in view.judged:
        if row.role not in ("bound", "milestone"):
            name = _name(view, row)
            facts.setdefault(name, {})[row.split] = row
            roles.setdefault(name, "finalist" if row.role == "winner" else row.role)
    told = {candidate.id: candidate.outcome for candidate in view.candidates if candidate.id in facts}
    baselines = {baseline.name: baseline for baseline in view.settings.baselines}
    rungs = []
    for name, rows in facts.items():
        baseline = baselines.get(name)
        outcomes = {split: row.outcome for split, row in rows.items()}
        if CandidateId(name) in told:
            outcomes.setdefault(Split.TRAIN, told[CandidateId(name)])
        rungs.append(
            Rung(
                name=name,
                role=roles[name],
                description=_described(baseline),
                source=baseline.source if baseline else "",
                standings={split: _standing(view, name, split, outcome) for split, outcome in outcomes.items()},
            )
        )
    return rungs


def _name(view: RunView, row: Judged) -> str:
    """The name of a judged row; the seed has one, whether it was judged as a candidate or as a rung."""
    seed, winner = view.seed, view.winner
    if row.role == "winner" and winner is not None and winner.id is not None:
        return winner.id
    if seed is not None and seed.id is not None and (row.role == "seed" or row.name == seed.id):
        return seed.id
    return row.name


def _described(baseline: Baseline | None) -> str:
    return baseline.description if baseline else ""


def _published_rungs(view: RunView) -> list[Rung]:
    on_public = bool(view.settings.instances.get(Split.PUBLIC)) or any(row.split is Split.PUBLIC for row in view.judged)
    return [
        Rung(name=name, role="published", source=source, standings={Split.PUBLIC: Standing(score=value)})
        if on_public
        else Rung(name=name, role="published", source=source, stated=value)
        for name, (value, source) in view.settings.published.items()
    ]


def _bound_rung(view: RunView) -> Rung | None:
    named = next((baseline for baseline in view.settings.baselines if baseline.role == "bound"), None)
    standings: dict[Split, Standing] = {}
    for row in view.judged:
        if view.objective.name in row.bound:
            standings.setdefault(row.split, Standing(score=row.bound[view.objective.name]))
        elif row.role == "bound" and isinstance(row.outcome, Scored):
            standings.setdefault(row.split, _standing(view, row.name, row.split, row.outcome))
    if view.objective.bound is not None:
        standings.setdefault(Split.TRAIN, Standing(score=view.objective.bound))
    if not standings:
        return None
    return Rung(
        name=named.name if named else "bound",
        role="bound",
        description=_described(named) or "no program can do better on these instances",
        source=named.source if named else "",
        standings=standings,
    )


def _ordered(view: RunView, rungs: list[Rung]) -> list[Rung]:
    """Worst first by the split on which most rungs have a score; those without one there are at the ends."""
    scored = {split: sum(_score(rung, split) is not None for rung in rungs) for split in SPLITS}
    common = max(reversed(SPLITS), key=lambda split: scored[split])

    def place(rung: Rung) -> tuple[int, float]:
        score = _score(rung, common)
        if score is not None:
            return (1, view.objective.gain(score))
        return (0, 0.0) if rung.stated is None else (2, view.objective.gain(rung.stated))

    return sorted(rungs, key=place)


def _score(rung: Rung, split: Split) -> float | None:
    standing = rung.standings.get(split)
    return standing.score if standing else None
