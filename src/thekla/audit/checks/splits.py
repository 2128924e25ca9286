"""Splits: nothing that is kept back is ever searched on, and every split is there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence

from thekla.audit.bench import Bench
from thekla.audit.findings import Finding, Severity
from thekla.audit.tree import traits
from thekla.core.problem import Instance, Split
from thekla.core.values import Array, Value

__all__ = ["contents_differ", "splits_are_disjoint"]

_KEYS = (b"audit: one", b"audit: other")  # of hold-outs that no run will ever draw
_FEW = 3
_COMPARED = 4  # instances of each split whose content is compared


def splits_are_disjoint(bench: Bench) -> Iterator[Finding]:
    """No instance, by id or digest, is in two splits; hold-outs are drawn by their key. No hold-out is judged."""
    problem = bench.problem
    listed: dict[str, Sequence[Instance]] = {str(split): members for split, members in problem.instances.items()}
    listed |= {f"stage {stage.name}": stage.instances for stage in problem.stages}
    drawn = [tuple(bench.package.holdout(key)) for key in _KEYS]
    searched = [name for name in listed if name == Split.TRAIN or name.startswith("stage ")]
    kept: dict[str, Sequence[Instance]] = {name: of for name, of in listed.items() if name not in searched}
    kept["hold-out"] = [*drawn[0], *drawn[1]]
    for inner in searched:
        for outer, members in kept.items():
            yield from _overlap(inner, listed[inner], outer, members, public=outer == Split.PUBLIC)
    for name, members in kept.items():
        if name != "hold-out":
            yield from _overlap(name, members, "hold-out", kept["hold-out"], public=name == Split.PUBLIC)
    if {one.id for one in drawn[0]} & {one.id for one in drawn[1]} and not problem.fixed_holdout:
        yield Finding(
            fault="foreseeable_holdout",
            severity=Severity.FATAL,
            message="two keys draw the same hold-out instances, so a program can be made for them",
            remedy="derive every hold-out instance from the key (thekla.problems.folder.drawn_seed), or declare a "
            "fixed hold-out",
        )
    yield from _missing(bench, drawn[0])


def _overlap(
    inner: str, one: Sequence[Instance], outer: str, other: Sequence[Instance], *, public: bool
) -> Iterator[Finding]:
    ids = {each.id for each in one} & {each.id for each in other}
    digests = {each.digest for each in one} & {each.digest for each in other}
    if ids or digests:
        shared = sorted(ids) or sorted(each.id for each in other if each.digest in digests)
        yield Finding(
            fault="overlapping_splits",
            severity=Severity.WARNING if public else Severity.FATAL,
            message=f"{len(shared)} instances are in {inner} and in {outer}: {', '.join(shared[:5])}",
            remedy="give each instance one split",
            evidence={"instances": list(shared[:20])},
        )


def _missing(bench: Bench, holdout: Sequence[Instance]) -> Iterator[Finding]:
    problem = bench.problem
    if not problem.instances.get(Split.VALIDATION):
        yield Finding(
            fault="no_validation_split",
            severity=Severity.WARNING,
            message="there is no validation split: nothing warns of a winner that fits the train instances only",
            remedy="keep some instances back as `validation`",
        )
    if not holdout:
        yield Finding(
            fault="no_holdout",
            severity=Severity.WARNING,
            message="no hold-out is drawn: a result has no figure on instances that nobody has seen",
            remedy="let `holdout(key)` draw instances",
        )
    count = len(problem.instances[Split.TRAIN])
    if count < _FEW:
        yield Finding(
            fault="few_instances",
            severity=Severity.WARNING,
            message=f"the search sees {count} train instance{'s' if count > 1 else ''}: it will fit what is particular",
            remedy=f"use at least {_FEW}, as different from each other as those in use will be",
        )


def contents_differ(bench: Bench) -> Iterator[Finding]:
    """Programs are told different things on instances of different splits, and under different keys of hold-outs."""
    seed = bench.problem.seeds[0]
    seen: dict[str, Instance] = {}
    train = bench.problem.instances[Split.TRAIN][:_COMPARED] if len(bench.sample) > 1 else bench.sample
    for instance in train:
        seen[_content(bench.trial(seed, instance).transcript.told())] = instance
    for instance in bench.problem.instances.get(Split.VALIDATION, ())[:_COMPARED]:
        told = bench.trial(seed, instance).transcript.told()
        twin = seen.get(_content(told))
        if twin is not None and told:
            yield Finding(
                fault="overlapping_splits",
                severity=Severity.FATAL,
                message=f"{instance.id} of validation and {twin.id} of {twin.split} are the same under two names",
                remedy="draw the instances of each split from seeds of its own",
                evidence={"instances": [twin.id, instance.id]},
            )
            return
    yield from _drawn_alike(bench, seen)


def _drawn_alike(bench: Bench, seen: Mapping[str, Instance]) -> Iterator[Finding]:
    """Whether hold-outs of two keys, which no run will ever have, hold the same as each other or as train.

    Scores are not looked at; a fixed hold-out is left alone.
    """
    met = dict(seen)
    for key in _KEYS if not bench.problem.fixed_holdout else ():
        for instance in tuple(bench.package.holdout(key))[:1]:
            told = bench.trial(bench.problem.seeds[0], instance).transcript.told()
            twin = met.get(_content(told))
            if twin is not None and any(True for value in told for _ in traits(value)):
                yield Finding(
                    fault="foreseeable_holdout",
                    severity=Severity.FATAL,
                    message=f"{instance.id}, drawn by a key of the audit's own, holds the same as {twin.id}",
                    remedy="derive what a hold-out instance holds from the key, not only its name "
                    "(thekla.problems.folder.drawn_seed)",
                    evidence={"instances": [twin.id, instance.id]},
                )
                return
            met[_content(told)] = instance


def _content(told: Sequence[Value]) -> str:
    return hashlib.sha256(repr([_plain(value) for value in told]).encode()).hexdigest()


def _plain(value: Value) -> object:
    if isinstance(value, Array):
        return value.shape, value.data
    if isinstance(value, Mapping):
        return sorted((key, _plain(item)) for key, item in value.items())
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
