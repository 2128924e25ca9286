"""What a closed run may claim: one word, and the evidence for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

from thekla.analysis.comparison import centre, paired_p
from thekla.analysis.ladder import Ladder, Rung, Standing, ladder
from thekla.analysis.reading import RunView
from thekla.analysis.similarity import Likeness, likeness
from thekla.analysis.statistics import PairedComparison, compare_paired, gains_over, holm
from thekla.analysis.wording import SPLIT_NAMES, better_by, doubts_of_tier, rung_label
from thekla.core.errors import ConfigError
from thekla.core.evaluation import AGGREGATES
from thekla.core.problem import Objective, Split
from thekla.core.rng import stream
from thekla.core.visible import number

__all__ = ["LEVEL", "WORDS", "Claim", "Verdict", "Word", "verdict"]

Word: TypeAlias = Literal["improved", "fragile", "within noise", "not improved", "overfit", "rediscovered"]
WORDS: tuple[Word, ...] = get_args(Word)

LEVEL = 0.05  # of the claims of one run together
ALIKE = 0.9  # from here on a program is a known one with other names and numbers
_KNOWN = ("rule", "state_of_the_art")
_RIVALS = ("seed", "trivial", *_KNOWN)
_MUCH_LESS = 0.5  # of the gain on train


@dataclass(frozen=True, kw_only=True)
class Claim:
    """The winner against a rung on one split, instance by instance.

    Args:
        gains: By instance, positive where the winner is better.
        centre: Of the gains: their median where the objective is one, else their mean.
        p: Two-sided, of random signs (of ranks for a median).
        p_adjusted: The same with account of the run's other claims (Holm).
        gain: Relative to the rung's score, positive if better; None if that is 0.
    """

    rival: str
    role: str
    split: Split
    gain: float | None
    gains: Mapping[str, float]
    centre: float
    paired: PairedComparison
    p: float
    p_adjusted: float

    @property
    def better(self) -> bool:
        """Whether the winner is better, beyond what chance among the instances explains."""
        return self.p_adjusted <= LEVEL and self.centre > 0

    @property
    def worse(self) -> bool:
        """The same the other way round."""
        return self.p_adjusted <= LEVEL and self.centre < 0


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One word on a run, for whom it holds, and why.

    Args:
        rival: The strongest rung of the ladder that is no oracle, on `split`: who must be beaten.
        split: The hold-out, or what comes nearest to it.
        claims: Against every rung on `split`, the strongest first.
        reasons: The evidence, in sentences.
        alike: The known programs, by how like them the winner is.
    """

    word: Word
    rival: str
    split: Split
    claims: tuple[Claim, ...]
    reasons: tuple[str, ...]
    alike: tuple[Likeness, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Case:
    """What is known when the word is chosen."""

    view: RunView
    best: Rung
    rival: Rung
    split: Split
    claims: Sequence[Claim]
    alike: Sequence[Likeness]
    objective: Objective = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "objective", self.view.objective)

    @property
    def claim(self) -> Claim:
        """Against the strongest."""
        return self.claims[0]

    def gains(self, split: Split) -> Mapping[str, float]:
        """Against the strongest, by instance of a split; empty if it was not judged there."""
        ours, theirs = self.best.standings.get(split), self.rival.standings.get(split)
        return gains_over(ours.instances, theirs.instances, self.objective) if ours and theirs else {}


def verdict(view: RunView) -> Verdict:
    """What the run may claim.

    Raises:
        ConfigError: The run is not closed, or nothing in it can be compared.
    """
    steps = ladder(view)
    best = steps.best
    if view.status != "closed" or best is None:
        raise ConfigError(f"the run is {view.status} and has no winner; finish it first with: thekla resume")
    split, rivals = _rivals(view, steps, best)
    claims = _claims(view, best, rivals, split)
    case = _Case(view=view, best=best, rival=rivals[0], split=split, claims=claims, alike=_alike(view))
    word, reasons = next(said for rule in _RULES if (said := rule(case)) is not None)
    return Verdict(
        word=word,
        rival=rung_label(case.rival),
        split=split,
        claims=claims,
        reasons=(*reasons, *_standing_of(case), *doubts_of_tier(view.settings.tier)),
        alike=tuple(case.alike),
    )


def _rivals(view: RunView, steps: Ladder, best: Rung) -> tuple[Split, list[Rung]]:
    """The most telling split on which the winner and other rungs have a score, and those rungs, the strongest first."""
    gain = view.objective.gain
    for split in (Split.HOLDOUT, Split.VALIDATION, Split.PUBLIC, Split.TRAIN):
        found = [(score, rung) for rung in steps.rungs if (score := _score(rung, split)) is not None]
        rivals = [(score, rung) for score, rung in found if rung.role in _RIVALS and rung.name != best.name]
        if rivals and _score(best, split) is not None:
            return split, [rung for _, rung in sorted(rivals, key=lambda pair: -gain(pair[0]))]
    raise ConfigError("neither the seed nor a baseline has a score on the winner's instances, so there is no verdict")


def _score(rung: Rung, split: Split) -> float | None:
    standing = rung.standings.get(split)
    return standing.score if standing else None


def _claims(view: RunView, best: Rung, rivals: Sequence[Rung], split: Split) -> tuple[Claim, ...]:
    found: list[tuple[Rung, PairedComparison, Mapping[str, float], float]] = []
    ours = best.standings[split]
    for rival in rivals:
        theirs = rival.standings[split]
        rng = stream(view.settings.seed, "analysis", "verdict", rival.name, split)
        paired = compare_paired(ours.instances, theirs.instances, view.objective, rng=rng)
        if paired is not None:
            gains = gains_over(ours.instances, theirs.instances, view.objective)
            found.append((rival, paired, gains, paired_p(list(gains.values()), view.objective, rng=rng)))
    adjusted = holm({rival.name: p for rival, _, _, p in found})
    return tuple(
        Claim(
            rival=rung_label(rival),
            role=rival.role,
            split=split,
            gain=_relative(view.objective, ours, rival.standings[split]),
            gains=gains,
            centre=centre(list(gains.values()), view.objective),
            paired=paired,
            p=p,
            p_adjusted=adjusted[rival.name],
        )
        for rival, paired, gains, p in found
    )


def _relative(objective: Objective, ours: Standing, theirs: Standing) -> float | None:
    if not theirs.score or ours.score is None:
        return None
    return (objective.gain(ours.score) - objective.gain(theirs.score)) / abs(theirs.score)


def _alike(view: RunView) -> list[Likeness]:
    """The known programs, by how like them the winner is."""
    program = view.best_program
    if program is None:
        return []
    found = [
        likeness(program, baseline.program, name=baseline.name)
        for baseline in view.settings.baselines
        if baseline.role in _KNOWN and baseline.program is not None
    ]
    return sorted(found, key=lambda each: -each.structure)


_Said: TypeAlias = "tuple[Word, list[str]] | None"


def _if_seed(case: _Case) -> _Said:
    if case.view.winner is not None and case.view.seed is not None and case.view.winner.id == case.view.seed.id:
        return "not improved", ["The winner is the program that the run started from."]
    return None


def _if_known(case: _Case) -> _Said:
    for each in case.alike:
        if each.structure >= ALIKE:
            share = f"{each.structure:.0%}".replace("%", " %")
            return "rediscovered", [f"Names and numbers apart, {share} of it is {each.name}, which was known."]
    same = [claim for claim in case.claims if claim.role in _KNOWN and claim.paired.ties == claim.paired.n > 1]
    if same:
        where = f"{same[0].paired.n} {SPLIT_NAMES[case.split]} instances"
        return "rediscovered", [f"On all {where} it scores exactly what {same[0].rival} scores, which was known."]
    return None


def _if_overfit(case: _Case) -> _Said:
    trained = _relative_on(case, Split.TRAIN)
    if case.split is Split.TRAIN or case.claim.better or trained is None or trained <= 0:
        return None
    left = case.claim.gain if case.claim.gain is not None else 0.0
    if left >= _MUCH_LESS * trained:
        return None
    if not case.claim.worse and not _certain(case.gains(Split.TRAIN), case.objective):
        return None
    return "overfit", [
        f"On train it is {_percent(trained)} better than {rung_label(case.rival)}; on {SPLIT_NAMES[case.split]} that "
        f"comes to {_percent(left)}, no more than chance among the instances explains."
    ]


def _if_not_better(case: _Case) -> _Said:
    if case.claim.better:
        return None
    if case.claim.worse:
        return "not improved", [f"{rung_label(case.rival)} is better, beyond chance."]
    least = 2 ** (1 - case.claim.paired.n)
    few = f" With {case.claim.paired.n} instances no difference could be." if least * len(case.claims) > LEVEL else ""
    return "within noise", [
        f"The difference to {rung_label(case.rival)} is no larger than chance among the instances explains.{few}"
    ]


def _if_fragile(case: _Case) -> _Said:
    reasons = []
    gains = sorted(case.claim.gains.values())
    if len(gains) > 1 and centre(gains[:-1], case.objective) <= 0:
        reasons.append("Without the one instance that it gains most on, nothing is left of the gain.")
    if case.claim.paired.losses > case.claim.paired.wins:
        reasons.append(
            f"It is better on {case.claim.paired.wins} instances and worse on {case.claim.paired.losses}: a few carry "
            "the gain."
        )
    for split in (Split.VALIDATION, Split.PUBLIC):
        there = _relative_on(case, split) if split is not case.split else None
        if there is not None and there < 0:
            reasons.append(f"On the {SPLIT_NAMES[split]} instances it is {_percent(-there)} worse.")
    return ("fragile", reasons) if reasons else None


def _improved(case: _Case) -> _Said:
    return "improved", [
        f"It is better than {rung_label(case.rival)}, the strongest rung of the ladder, beyond what chance among the "
        "instances explains."
    ]


_RULES = (_if_seed, _if_known, _if_overfit, _if_not_better, _if_fragile, _improved)
"""In this order; the first that applies has the word."""


def _standing_of(case: _Case) -> list[str]:
    ours, theirs = _score(case.best, case.split), _score(case.rival, case.split)
    assert ours is not None
    assert theirs is not None
    paired = case.claim.paired
    interval = paired.mean_interval
    between = (
        f", 95 % interval {number(interval.low, digits=4)} to {number(interval.high, digits=4)}" if interval else ""
    )
    beaten = [claim.rival for claim in case.claims[1:] if claim.better]
    others = [f"Beyond chance it is better than {', '.join(beaten)}."] if beaten and not case.claim.better else []
    effect = f"; the effect is {paired.effect:.2f} standard deviations" if paired.effect is not None else ""
    return [
        f"On {paired.n} {SPLIT_NAMES[case.split]} instances it scores {number(ours)} and {rung_label(case.rival)} "
        f"{number(theirs)}: {better_by(case.objective, ours, theirs)}.",
        f"Instance by instance: better on {paired.wins}, equal on {paired.ties}, worse on {paired.losses}; mean gain "
        f"{number(paired.mean)}{between}{effect}; p = {case.claim.p:.2g}, {case.claim.p_adjusted:.2g} after correction "
        f"for {len(case.claims)} claims.",
        *others,
    ]


def _relative_on(case: _Case, split: Split) -> float | None:
    """The gain over the strongest rival on the instances that both were scored on, relative to the rival's score."""
    ours, theirs = case.best.standings.get(split), case.rival.standings.get(split)
    shared = [name for name in ours.instances if name in theirs.instances] if ours and theirs else []
    if not ours or not theirs or not shared:
        return None
    fold = AGGREGATES[case.objective.aggregate]
    mine, other = (fold([standing.instances[name] for name in shared]) for standing in (ours, theirs))
    return (case.objective.gain(mine) - case.objective.gain(other)) / abs(other) if other else None


def _certain(gains: Mapping[str, float], objective: Objective) -> bool:
    """Whether a gain is beyond chance on its own; on few instances all must agree."""
    if not gains:
        return False
    rng = stream(0, "analysis", "certain")
    return min(gains.values()) > 0 or paired_p(list(gains.values()), objective, rng=rng) <= LEVEL


def _percent(share: float) -> str:
    return f"{number(100 * share, digits=3)} %"
