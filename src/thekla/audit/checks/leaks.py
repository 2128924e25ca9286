"""Hidden truth: nothing that a program is told may be the answer, or something that the problem declares hidden."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from thekla.audit.bench import Bench, Trial
from thekla.audit.checks._wording import score_text
from thekla.audit.findings import Finding, Severity
from thekla.audit.guests import Call, Meddler
from thekla.audit.tree import subtrees, traits
from thekla.core.protocols import HiddenTruth
from thekla.core.values import Value

__all__ = ["answers_are_not_in_arguments", "declared_truth_stays_hidden"]

_MOST_ECHOES = 12
_SHOWN = 3
_WIDE = 60  # characters of a value that are shown


def declared_truth_stays_hidden(bench: Bench) -> Iterator[Finding]:
    """No value that the problem declares hidden is among what a program is told."""
    package = bench.package
    if not isinstance(package, HiddenTruth):
        return
    for instance in bench.sample:
        truth = {trait for value in package.hidden(instance) for trait, _ in traits(value)}
        told = {
            trait: ".".join(pattern)
            for value in bench.trial(bench.problem.seeds[0], instance).transcript.told()
            for trait, pattern in traits(value)
            if trait in truth
        }
        met = sorted(told, key=lambda trait: (len(trait), trait))
        if met:
            shown = ", ".join(f"{each[:_WIDE]} at {told[each] or 'an argument'}" for each in met[:_SHOWN])
            yield Finding(
                fault="leaked_truth",
                severity=Severity.FATAL,
                message=f"{len(met)} of {len(truth)} hidden values of {instance.id} reach the program: {shown}",
                remedy="take them out of the arguments and of what calls back are told",
                evidence={"values": list(met[:_SHOWN]), "instance": instance.id},
            )
            return


def answers_are_not_in_arguments(bench: Bench) -> Iterator[Finding]:
    """Handing back a part of the arguments as the answer beats no program that works."""
    seed, instance = bench.problem.seeds[0], bench.sample[0]
    honest = bench.trial(seed, instance)
    ceiling = bench.ceiling(instance)
    if ceiling is None:
        return
    for path in _echoes(honest)[:_MOST_ECHOES]:
        score = bench.trial(seed, instance, meddler=_echoing(path), hasty=True).score(bench.objective)
        gain = None if score is None else bench.objective.gain(score)
        if gain is not None and gain > ceiling + bench.margin:
            where = ".".join(str(step) for step in path[1:])
            yield Finding(
                fault="leaked_truth",
                severity=Severity.FATAL,
                message=f"handing back argument {int(path[0]) + 1}{f' at {where}' if where else ''} scores "
                f"{score_text(bench, gain)} on {instance.id}; the best rung has {score_text(bench, ceiling)}",
                remedy="the arguments hold the answer: tell programs only what they would know in use",
                evidence={"path": [str(step) for step in path], "gain": gain, "ceiling": ceiling},
            )
            return


def _echoes(trial: Trial) -> list[tuple[str | int, ...]]:
    """Paths into the arguments of the first call whose value has the form of its answer."""
    if not trial.transcript.calls:
        return []
    call = trial.transcript.calls[0]
    found: list[tuple[str | int, ...]] = []
    for place, argument in enumerate(call.args):
        for path, value in subtrees(argument):
            if _alike(value, call.answer):
                found.append((place, *path))
            if len(found) >= _MOST_ECHOES:
                return found
    return found


def _alike(value: Value, answer: Value) -> bool:
    """Whether a value could stand for an answer: of one type, and of one length if they are sequences."""
    if isinstance(answer, list):
        return isinstance(value, Sequence) and not isinstance(value, str) and len(value) == len(answer) > 0
    if isinstance(answer, Mapping):
        return isinstance(value, Mapping) and set(value) == set(answer)
    return type(value) is type(answer) and value is not None


def _echoing(path: tuple[str | int, ...]) -> Meddler:
    def meddle(call: Call) -> Value:
        value: Any = call.args
        try:
            for step in path:
                value = value[step]
        except (KeyError, IndexError, TypeError):
            return call.answer
        echoed: Value = value
        return echoed

    return meddle
