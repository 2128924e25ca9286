"""What a run found, said in plain words: headline, evidence, and the reasons to doubt it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from thekla.analysis.ladder import Generalisation, Ladder, Rung, Standing, compare_with_seed, generalisation
from thekla.analysis.reading import RunView
from thekla.analysis.statistics import Interval
from thekla.core.evaluation import Failed, FailureKind
from thekla.core.problem import Objective, Split
from thekla.core.visible import count_hidden, number

__all__ = ["SPLIT_NAMES", "Findings", "better_by", "doubts_of_tier", "findings", "rung_label", "with_unit"]

SPLIT_NAMES = {
    Split.TRAIN: "train",
    Split.VALIDATION: "validation",
    Split.PUBLIC: "public",
    Split.HOLDOUT: "hold-out",
}

_DOUBTS = {
    "trusted": "The candidates ran without a sandbox (tier `trusted`). A program could have read or changed anything "
    "on the machine, its own score included. Do not base a claim on these figures; run again under `strict`.",
    "process": "The candidates ran in tier `process`. A program could have read what this user may read, the answers "
    "included, unless namespaces hid it. Run again under `strict` before you base a claim on these figures.",
}

_TELLING = (Split.HOLDOUT, Split.PUBLIC, Split.VALIDATION, Split.TRAIN)
_GAP = 0.1  # a loss of a tenth against train is worth a word
_FEW = 10  # below ten instances a bootstrap interval is clearly too narrow


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What to say of a run.

    Args:
        split: The most telling split on which the best program has a score.
        warnings: What makes the figures unfit for a claim; shown large.
    """

    headline: str
    split: Split | None
    evidence: tuple[str, ...]
    caveats: tuple[str, ...]
    warnings: tuple[str, ...]


def doubts_of_tier(tier: str) -> tuple[str, ...]:
    """Why scores of a sandbox tier are no ground for a claim; none for those that keep a program from the answers."""
    return (_DOUBTS[tier],) if tier in _DOUBTS else ()


def with_unit(value: float | None, objective: Objective) -> str:
    """A score with its unit; a dash for None."""
    return f"{number(value)} {objective.unit}".strip() if value is not None else "-"


def better_by(objective: Objective, ours: float, theirs: float) -> str:
    """How a score compares with another, as in `204 times better`, `12 % worse`, `equal`."""
    if ours == theirs:
        return "equal"
    better = objective.gain(ours) > objective.gain(theirs)
    word = "better" if better else "worse"
    if ours <= 0 or theirs <= 0:
        return f"{with_unit(abs(ours - theirs), objective)} {word}"
    ratio = max(ours, theirs) / min(ours, theirs)
    if ratio >= 2:
        return f"{number(ratio, digits=3)} times {word}"
    # The share of the other's score, so that a latency of 75 after 100 is 25 % better, not 33 %.
    return f"{number(abs(ours - theirs) / theirs * 100, digits=2)} % {word}"


def rung_label(rung: Rung) -> str:
    """The rung's name as it is shown: candidates bear their role, since their ids say nothing."""
    return rung.role if rung.role in ("seed", "winner", "leader") else rung.name


def findings(view: RunView, steps: Ladder) -> Findings:
    """Headline, evidence, caveats and warnings."""
    best, seed = steps.best, steps.of_role("seed")
    split = _telling_split(best)
    gaps = generalisation(view, steps)
    return Findings(
        headline=_headline(view, best, seed, split),
        split=split,
        evidence=tuple(_evidence(view, steps, best, split)) if best and split else (),
        caveats=tuple(_caveats(view, steps, best, split, gaps)),
        warnings=tuple(_warnings(view, steps, best)),
    )


def _telling_split(best: Rung | None) -> Split | None:
    if best is None:
        return None
    return next((split for split in _TELLING if _score(best, split) is not None), None)


def _score(rung: Rung | None, split: Split) -> float | None:
    standing = rung.standings.get(split) if rung else None
    return standing.score if standing else None


def _headline(view: RunView, best: Rung | None, seed: Rung | None, split: Split | None) -> str:
    if best is None or split is None:
        return "Nothing was scored in this run."
    score, before = _score(best, split), _score(seed, split)
    assert score is not None
    where = f"on the {SPLIT_NAMES[split]} instances"
    found = f"{with_unit(score, view.objective)} ({view.objective.name}) {where}"
    if seed is not None and best.name == seed.name:
        return f"No program better than the seed was found: {found}."
    if before is None:
        return f"A program that scores {found}; the seed has no score there."
    comparison = better_by(view.objective, score, before)
    return f"A program that scores {found}: {comparison} than the seed ({with_unit(before, view.objective)})."


def _evidence(view: RunView, steps: Ladder, best: Rung, split: Split) -> Iterator[str]:
    standing = best.standings[split]
    assert standing.score is not None
    count = len(standing.instances)
    drawn = (
        ", drawn after the finalists were frozen,"
        if split is Split.HOLDOUT and view.holdout and not view.holdout.fixed
        else ""
    )
    yield (
        f"On {count} {SPLIT_NAMES[split]} instances{drawn} it scores "
        f"{with_unit(standing.score, view.objective)}{_interval(standing.interval)}."
    )
    paired = compare_with_seed(view, steps).get(split)
    seed = steps.of_role("seed")
    if paired is not None and seed is not None and seed.name != best.name:
        yield (
            f"Instance by instance against the seed: better on {paired.wins}, equal on {paired.ties}, worse on "
            f"{paired.losses}; the median gain is {with_unit(paired.median, view.objective)}"
            f"{_interval(paired.median_interval)}."
        )
    rival = _best_rival(view, steps, split)
    if rival is not None:
        name, theirs = rival
        yield (
            f"The best simple or known policy of the ladder there, {name}, scores "
            f"{with_unit(theirs, view.objective)}; against it the program is "
            f"{better_by(view.objective, standing.score, theirs)}."
        )
    yield from _against_published(view, steps, best)
    bound = _score(steps.of_role("bound"), split)
    if bound is not None:
        yield (
            f"No program can beat {with_unit(bound, view.objective)} there (a bound); against it the program is "
            f"{better_by(view.objective, standing.score, bound)}."
        )


def _interval(interval: Interval | None) -> str:
    if interval is None:
        return ""
    ends = f"{number(interval.low, digits=4)} to {number(interval.high, digits=4)}"
    return f" ({number(interval.level * 100)} % interval {ends})"


def _best_rival(view: RunView, steps: Ladder, split: Split) -> tuple[str, float] | None:
    rivals = [
        (rung.name, score)
        for rung in steps.rungs
        if rung.role in ("trivial", "rule", "state_of_the_art") and (score := _score(rung, split)) is not None
    ]
    return max(rivals, key=lambda rival: view.objective.gain(rival[1])) if rivals else None


def _against_published(view: RunView, steps: Ladder, best: Rung) -> Iterator[str]:
    ours = _score(best, Split.PUBLIC)
    figures = [
        (rung.name, score)
        for rung in steps.rungs
        if rung.role == "published" and (score := _score(rung, Split.PUBLIC)) is not None
    ]
    if ours is not None and figures:
        beaten = sum(view.objective.gain(ours) > view.objective.gain(theirs) for _, theirs in figures)
        name, theirs = max(figures, key=lambda figure: view.objective.gain(figure[1]))
        yield (
            f"On the public instances it scores {with_unit(ours, view.objective)} and beats {beaten} of {len(figures)} "
            f"published figures; the best of them is {with_unit(theirs, view.objective)} ({name})."
        )


def _caveats(
    view: RunView, steps: Ladder, best: Rung | None, split: Split | None, gaps: tuple[Generalisation, ...]
) -> Iterator[str]:
    if view.status != "closed":
        yield f"The run is {view.status}: it has no winner and has opened no hold-out. These figures will change."
    elif view.holdout is None:
        yield "No hold-out was opened in this run; the figures do not show that the program generalises."
    elif view.holdout.fixed:
        yield (
            f"The hold-out is fixed. Other runs in this folder that opened it: {view.earlier_openings}. What is asked "
            "again and again becomes a training set."
        )
    if view.steered:
        last = view.steered[-1]
        yield (
            f"People turned the search while it ran, {len(view.steered)} time(s), and put in {len(last.injected)} "
            "program(s) of their own; it is no sample of what the strategy does alone."
        )
    if (hinted := next((one.ticket for one in view.candidates if one.hinted), None)) is not None:
        yield (
            f"From ticket {hinted} on, where the search stood still, it was given hints of the problem's own; an idea "
            "that they name is not the search's."
        )
    yield from _gap(view, steps, gaps)
    if best is not None and split is not None:
        standing = best.standings[split]
        if 0 < len(standing.instances) < _FEW:
            yield (
                f"Only {len(standing.instances)} {SPLIT_NAMES[split]} instances: bootstrap intervals over so few are "
                "narrower than they should be."
            )
        yield from _overlap(view, steps, standing, split)
    if any(rung.role == "published" for rung in steps.rungs):
        yield "Published figures are quoted from their source; this run did not measure them again."
    if any(rung.role == "oracle" for rung in steps.rungs):
        yield "An oracle knows what no policy can know; it is there for scale, not as a rival."
    if view.ledger.unpriced_calls:
        yield f"{view.ledger.unpriced_calls} generator calls have no known price; the cost is a lower limit."
    ours = sum(
        isinstance(candidate.outcome, Failed) and candidate.outcome.kind is FailureKind.INFRASTRUCTURE
        for candidate in view.candidates
    )
    if ours:
        yield f"{ours} evaluations failed through a fault of the platform, not of the candidate."
    yield "This is one run with one seed; another seed may find less, or more."


def _gap(view: RunView, steps: Ladder, gaps: tuple[Generalisation, ...]) -> Iterator[str]:
    gap = next((gap for split in _TELLING for gap in gaps if gap.split is split), None)
    if gap is None or gap.gap is None or gap.gap <= _GAP:
        return
    seed = steps.of_role("seed")
    before, there = _score(seed, Split.TRAIN), _score(seed, gap.split)
    change = f"; the seed's is {better_by(view.objective, there, before)}" if before and there is not None else ""
    yield (
        f"Its score is {better_by(view.objective, gap.score, gap.train)} on {SPLIT_NAMES[gap.split]} than on "
        f"train{change}. Harder instances explain what both share, the search's fit to train the rest."
    )


def _overlap(view: RunView, steps: Ladder, standing: Standing, split: Split) -> Iterator[str]:
    rival = _best_rival(view, steps, split)
    interval = standing.interval
    if rival is not None and interval is not None and interval.low <= rival[1] <= interval.high:
        yield (
            f"The score of {rival[0]} ({with_unit(rival[1], view.objective)}) lies within the program's interval on "
            f"{SPLIT_NAMES[split]}; instances differ more than the two policies do. See the figures per instance."
        )


def _warnings(view: RunView, steps: Ladder, best: Rung | None) -> Iterator[str]:
    yield from doubts_of_tier(view.settings.tier)
    if view.quarantined:
        yield (
            f"{len(view.quarantined)} time(s) a score was better than a proven bound, which cannot be: the program "
            "cheats, or the evaluator or the bound is wrong. These scores are in quarantine and were ranked nowhere."
        )
    bound = steps.of_role("bound")
    if best is not None and bound is not None:
        for split in steps.splits:
            ours, limit = _score(best, split), _score(bound, split)
            if ours is not None and limit is not None and view.objective.gain(ours) > view.objective.gain(limit):
                yield (
                    f"The score on {SPLIT_NAMES[split]} is better than the bound, which cannot be: the evaluator or "
                    "the bound is wrong."
                )
    program = view.best_program
    hidden = sum(count_hidden(text) for _, text in program.files) if program else 0
    if hidden:
        yield (
            f"The program's text holds {hidden} control or direction characters, shown as ⟦U+…⟧ below. They can make "
            "a text look unlike what it does; read it with care."
        )
