"""Several programs on the same instances: standings, ranks, and who is better than whom beyond chance."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

from thekla.analysis.comparison import centre, critical_difference, mean_ranks, paired_p
from thekla.analysis.statistics import Interval, PairedComparison, bootstrap_interval, compare_paired, gains_over, holm
from thekla.analysis.tables import Table, interval_text
from thekla.core.evaluation import AGGREGATES
from thekla.core.problem import Objective
from thekla.core.rng import stream
from thekla.core.visible import number, visible

__all__ = ["LEVEL", "Contest", "Duel", "Place", "contest", "contest_tables"]

LEVEL = 0.05  # of all duels of a contest together


@dataclass(frozen=True, kw_only=True)
class Place:
    """One entrant: its score, with a 95 % interval, and its mean rank over the instances (1 is best)."""

    name: str
    score: float
    interval: Interval | None
    rank: float


@dataclass(frozen=True, kw_only=True)
class Duel:
    """The first against the second, instance by instance.

    Args:
        better: Who is better beyond chance at the level of the whole contest; empty if nobody is.
    """

    first: str
    second: str
    paired: PairedComparison
    p: float
    p_adjusted: float
    better: str


@dataclass(frozen=True, kw_only=True)
class Contest:
    """Programs on the instances that all of them were scored on.

    Args:
        split: What those are, in words.
        places: Best score first.
        critical: The difference of two mean ranks from which on it counts (Nemenyi).
    """

    split: str
    instances: tuple[str, ...]
    places: tuple[Place, ...]
    duels: tuple[Duel, ...]
    critical: float


def contest(
    scores: Mapping[str, Mapping[str, float]], objective: Objective, *, split: str, seed: int = 0
) -> Contest | None:
    """The contest of at least two entrants; None if they share no instance.

    Args:
        scores: By entrant and instance.
        seed: Of the resampling.
    """
    first, *others = scores.values()
    shared = tuple(name for name in first if all(name in other for other in others))
    if not shared or not others:
        return None
    common = {name: {instance: found[instance] for instance in shared} for name, found in scores.items()}
    gain, fold = objective.gain, AGGREGATES[objective.aggregate]
    ranks = mean_ranks([{name: gain(found[one]) for name, found in common.items()} for one in shared])
    places = [
        Place(
            name=name,
            score=fold(list(found.values())),
            interval=bootstrap_interval(list(found.values()), fold, rng=stream(seed, "contest", name, split)),
            rank=ranks[name],
        )
        for name, found in common.items()
    ]
    return Contest(
        split=split,
        instances=shared,
        places=tuple(sorted(places, key=lambda place: -gain(place.score))),
        duels=_duels(common, objective, split, seed),
        critical=critical_difference(len(common), len(shared)),
    )


def _duels(common: Mapping[str, Mapping[str, float]], objective: Objective, split: str, seed: int) -> tuple[Duel, ...]:
    met: dict[str, tuple[str, str, PairedComparison, list[float], float]] = {}
    for first, second in itertools.combinations(common, 2):
        rng = stream(seed, "contest", first, second, split)
        gains = list(gains_over(common[first], common[second], objective).values())
        paired = compare_paired(common[first], common[second], objective, rng=rng)
        assert paired is not None
        met[f"{len(met)}"] = (first, second, paired, gains, paired_p(gains, objective, rng=rng))
    adjusted = holm({key: p for key, (*_, p) in met.items()})
    duels = []
    for key, (first, second, paired, gains, p) in met.items():
        middle = centre(gains, objective)
        ahead = "" if adjusted[key] > LEVEL or middle == 0 else first if middle > 0 else second
        duels.append(Duel(first=first, second=second, paired=paired, p=p, p_adjusted=adjusted[key], better=ahead))
    return tuple(duels)


def contest_tables(held: Contest, objective: Objective) -> tuple[Table, Table]:
    """Places and duels, as tables."""
    places = [
        (
            visible(each.name),
            number(each.score),
            interval_text(each.interval) if each.interval else "-",
            f"{each.rank:.2f}",
        )
        for each in held.places
    ]
    duels = [
        (
            visible(duel.first),
            visible(duel.second),
            f"{duel.paired.wins}/{duel.paired.ties}/{duel.paired.losses}",
            number(duel.paired.mean, digits=4),
            interval_text(duel.paired.mean_interval) if duel.paired.mean_interval else "-",
            f"{duel.paired.effect:.2f}" if duel.paired.effect is not None else "-",
            f"{duel.p_adjusted:.2g}",
            visible(duel.better) or "nobody",
        )
        for duel in held.duels
    ]
    better = "lower" if objective.direction == "minimize" else "higher"
    return (
        Table(
            title=f"On {len(held.instances)} {held.split} instances",
            columns=("program", objective.name, "95 % interval", "mean rank"),
            rows=tuple(places),
            note=f"{objective.name} in {objective.unit or 'no unit'}, {better} is better. Mean ranks differ beyond "
            f"chance from {held.critical:.2f} on.",
        ),
        Table(
            title=f"One against another, {held.split}",
            columns=("first", "second", "w/t/l", "mean gain", "95 % interval", "effect", "p (Holm)", "better"),
            rows=tuple(duels),
            note="Gains of the first over the second on the same instances, positive if better; effect in standard "
            "deviations of the differences; p adjusted for all pairs.",
            left=2,
        ),
    )
