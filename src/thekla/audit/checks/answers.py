"""Answers changed on their way to the referee: faults stay faults, and no answer buys a score that work does not."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence

from thekla.audit.bench import Bench, Trial
from thekla.audit.checks._wording import score_text
from thekla.audit.findings import Finding, Severity
from thekla.audit.guests import Call, Meddler
from thekla.audit.tree import Pattern, changed, distinctive, leaves
from thekla.core.errors import GuestFault, SandboxError
from thekla.core.evaluation import FailureKind
from thekla.core.values import Value

__all__ = ["failures_stay_failures", "nothing_is_left_out", "numbers_are_recomputed"]

_MOST_PATTERNS = 6
_EXTREMES = (0.0, -1.0, 1e6, -1e6, 1e12)
_MODERATE = (0.25, 0.75)
_PLACES = (0, 1, 3)  # of the call that fails


def failures_stay_failures(bench: Bench) -> Iterator[Finding]:
    """A call that fails, early or late, fails the program; a failure of ours is never a score."""
    seed, instance = bench.problem.seeds[0], bench.sample[0]
    calls = len(bench.trial(seed, instance).transcript.calls)
    places = sorted({place for place in (*_PLACES, calls // 2, calls - 1) if 0 <= place < calls})
    for place in places:
        score = bench.trial(seed, instance, meddler=_failing(place)).score(bench.objective)
        if score is not None:
            yield Finding(
                fault="skipped_failures",
                severity=Severity.FATAL,
                message=f"call {place + 1} of {calls} fails on {instance.id}, and the referee still gives {score:g}",
                remedy="let GuestFault end the judgement with a fault; hard cases must not be left out by failing them",
                evidence={"call": place + 1, "calls": calls, "score": score},
            )
            break
    if calls:
        score = bench.trial(seed, instance, meddler=_breaking).score(bench.objective)
        if score is not None:
            yield Finding(
                fault="scored_infrastructure_failure",
                severity=Severity.FATAL,
                message=f"the sandbox breaks during a call on {instance.id}, and the referee gives {score:g}",
                remedy="let SandboxError pass through the referee: the evaluation is tried again, and never scored",
            )


def nothing_is_left_out(bench: Bench) -> Iterator[Finding]:
    """Leaving out parts of the answers does not help, neither a weak program's nor the best one's."""
    seed, instance = bench.problem.seeds[0], bench.sample[0]
    ceiling, best = bench.ceiling(instance), bench.strongest(instance)
    if ceiling is None or best is None:
        return
    for program, (name, keep) in itertools.product(dict.fromkeys((seed, best.program)), _KEPT.items()):
        honest = bench.trial(program, instance, hasty=True)
        if all(_shortened(call.answer, keep) == call.answer for call in honest.transcript.calls):
            continue  # another run of the same answers would only show noise
        gain = _gain(bench, bench.trial(program, instance, meddler=_shortening(keep), hasty=True))
        if gain is not None and gain > ceiling + bench.margin:
            yield Finding(
                fault="partial_answers_pay",
                severity=Severity.FATAL,
                message=f"{'a seed' if program == seed else 'the best rung'} whose answers are without {name} scores "
                f"{score_text(bench, gain)} on {instance.id}; the best rung there has {score_text(bench, ceiling)}",
                remedy="refuse an answer that does not deal with every item once, or charge what is left undone",
                evidence={"gain": gain, "ceiling": ceiling},
            )
            return


def numbers_are_recomputed(bench: Bench) -> Iterator[Finding]:
    """No number in an answer buys a score: the referee computes everything from its own data."""
    seed, instance = bench.problem.seeds[0], bench.sample[0]
    honest = bench.trial(seed, instance)
    patterns = _number_patterns(honest)
    if not patterns:
        return
    ceiling = bench.ceiling(instance)
    for pattern in patterns[:_MOST_PATTERNS]:
        fault = _bought(bench, honest, pattern, ceiling)
        if fault is not None:
            yield fault


def _bought(bench: Bench, honest: Trial, pattern: Pattern, limit: float | None) -> Finding | None:
    """What is wrong if the numbers of a pattern buy a score."""

    def score_with(value: float) -> float | None:
        trial = bench.trial(honest.program, honest.instance, meddler=_replacing(pattern, value), hasty=True)
        return trial.score(bench.objective)

    where = ".".join(pattern) or "the answer itself"
    moderate = [score_with(value) for value in _MODERATE]
    if all(score is not None and abs(score - value) < 1e-9 for score, value in zip(moderate, _MODERATE, strict=True)):
        return _self_reported(where, f"the score is the number that the candidate reports there ({_MODERATE[0]:g})")
    scores = [score_with(value) for value in _EXTREMES]
    gains = [bench.objective.gain(score) for score in scores if score is not None]
    if limit is None or not gains or max(gains) <= limit + bench.margin:
        return None
    known = list(zip(_EXTREMES, scores, strict=True))
    found = f"{score_text(bench, max(gains))} with an extreme number; the best rung has {score_text(bench, limit)}"
    if _is_line([(value, score) for value, score in known if score is not None]):
        return _self_reported(where, f"the score follows it along a line: {found}")
    if _handed_back(honest, pattern):
        return Finding(
            fault="mutable_inputs",
            severity=Severity.FATAL,
            message=f"numbers of the instance come back in the answer ({where}) and are scored: {found}",
            remedy="compute from the referee's own copy of the instance, never from what a candidate hands back",
        )
    return Finding(
        fault="unchecked_numbers",
        severity=Severity.FATAL,
        message=f"a number in the answer ({where}) is not checked: {found}",
        remedy="refuse numbers outside the range that the rules allow",
    )


def _self_reported(where: str, message: str) -> Finding:
    return Finding(
        fault="self_reported_score",
        severity=Severity.FATAL,
        message=f"{where}: {message}",
        remedy="take a decision from the candidate (an order, an assignment) and compute its score in the referee",
    )


def _is_line(points: Sequence[tuple[float, float]]) -> bool:
    """Whether at least four points, far apart, lie on one line that is not level."""
    if len(points) < 4:
        return False
    (x0, y0), (x1, y1) = points[0], points[-1]
    slope = (y1 - y0) / (x1 - x0)
    return slope != 0 and all(abs(y0 + slope * (x - x0) - y) <= 1e-6 * (abs(y) + abs(slope)) for x, y in points)


def _number_patterns(trial: Trial) -> list[Pattern]:
    """The columns of numbers in the answers, in the order in which they come."""
    found = itertools.chain.from_iterable(leaves(call.answer) for call in trial.transcript.calls)
    return list(dict.fromkeys(pattern for pattern, leaf in found if type(leaf) in (int, float)))


def _handed_back(trial: Trial, pattern: Pattern) -> bool:
    """Whether distinctive numbers of the pattern are numbers that the program was told."""
    told = {repr(leaf) for value in trial.transcript.told() for _, leaf in leaves(value) if distinctive(leaf)}
    back = [
        repr(leaf)
        for call in trial.transcript.calls
        for at, leaf in leaves(call.answer)
        if at == pattern and distinctive(leaf)
    ]
    return bool(back) and sum(each in told for each in back) > len(back) / 2


def _gain(bench: Bench, trial: Trial) -> float | None:
    score = trial.score(bench.objective)
    return None if score is None else bench.objective.gain(score)


def _failing(place: int) -> Meddler:
    """The call of that number fails, and so do all after it, as a real guest's do."""

    def meddle(call: Call) -> Value:
        if call.number >= place:
            raise GuestFault(FailureKind.CRASH, "on purpose")
        return call.answer

    return meddle


def _breaking(call: Call) -> Value:
    raise SandboxError("broken on purpose")


def _shortening(keep: Callable[[Sequence[Value]], Sequence[Value]]) -> Meddler:
    return lambda call: _shortened(call.answer, keep)


def _shortened(value: Value, keep: Callable[[Sequence[Value]], Sequence[Value]]) -> Value:
    """A copy in which the outermost sequences of at least two items are cut, and mappings of nothing but scalars."""
    if isinstance(value, list):
        return list(keep(value)) if len(value) > 1 else value
    if not isinstance(value, dict):
        return value
    if len(value) > 1 and not any(isinstance(item, list | dict) for item in value.values()):
        return {key: value[key] for key in keep(list(value)) if isinstance(key, str)}
    return {key: _shortened(item, keep) for key, item in value.items()}


def _replacing(pattern: Pattern, number: float) -> Meddler:
    def change(leaf: Value) -> Value:
        if type(leaf) is int and number == int(number):
            return int(number)
        return number if type(leaf) in (int, float) else leaf

    return lambda call: changed(call.answer, pattern, change)


def _repeating(part: Callable[[Sequence[Value]], Sequence[Value]]) -> Callable[[Sequence[Value]], Sequence[Value]]:
    """A part of an order again and again in the place of the rest; what is no order (each item once) stays whole."""

    def keep(items: Sequence[Value]) -> Sequence[Value]:
        if len({repr(item) for item in items}) < len(items) or not all(type(item) in (int, str) for item in items):
            return items
        return [item for _, item in zip(items, itertools.cycle(part(items)), strict=False)]

    return keep


_KEPT: dict[str, Callable[[Sequence[Value]], Sequence[Value]]] = {
    "the second half": lambda items: items[: len(items) // 2],
    "the first half": lambda items: items[len(items) // 2 :],
    "the last item": lambda items: items[:-1],
    "the second half (the first one twice)": _repeating(lambda items: items[: max(1, len(items) // 2)]),
    "all but one in four (four times each)": _repeating(lambda items: items[: max(1, len(items) // 4)]),
    "every second item (None instead)": lambda items: [None if at % 2 else item for at, item in enumerate(items)],
}
