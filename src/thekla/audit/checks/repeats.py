"""Equal evaluations have equal scores, whatever ran before, how busy the machine is, and what is drawn elsewhere."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any

from thekla.audit.bench import Bench, Trial
from thekla.audit.findings import Finding, Severity
from thekla.audit.guests import Call
from thekla.core.evaluation import InstanceResult
from thekla.core.problem import Instance
from thekla.core.program import Program
from thekla.core.protocols import Invariant
from thekla.core.values import Value
from thekla.core.visible import number

__all__ = ["decisions_make_the_score", "declared_variants_score_alike", "twins_agree"]

_PAUSE_S = 0.05  # in each of the first calls; far above what the clock of a busy machine does by itself
_PAUSED_CALLS = 6
_LONG_PAUSE_S = 0.4  # in the first call, to tell a clock from other reasons: longer than a busy machine delays a call
_REPEATS = 2


def twins_agree(bench: Bench) -> Iterator[Finding]:
    """Equal evaluations agree bit for bit: anew, in other processes, in reversed order, with pauses."""
    seed, instance = bench.problem.seeds[0], bench.sample[0]
    if bench.timed:
        yield from _timed(bench)
        return
    state = random.getstate()
    numpy_state = _numpy_state()
    differing = _first_difference(bench)
    touched = random.getstate() != state or _numpy_state() != numpy_state
    if differing is not None:
        yield _explained(bench, *differing)
        return
    paused = bench.trial(seed, instance, meddler=_pausing, again=True)
    if not _agree(bench, bench.trial(seed, instance), paused):
        yield _wall_clock(bench, bench.trial(seed, instance), paused)
        return
    yield from _moved_by_another_process(bench)
    if touched:
        yield Finding(
            fault="shared_random_stream",
            severity=Severity.WARNING,
            message="the referee draws from or seeds the random stream that all of its process shares",
            remedy="draw from a generator of its own, made from (instance, seed): thekla.core.rng.stream",
        )


def _first_difference(bench: Bench) -> tuple[Trial, Trial] | None:
    """Two equal evaluations that differ, if any are found."""
    for instance in reversed(bench.sample):
        for seed in bench.problem.seeds[:2]:
            first = bench.trial(seed, instance)
            for second in (False, True):
                twin = bench.trial(seed, instance, again=True, second=second)
                if not _agree(bench, first, twin):
                    return first, twin
    return None


def _moved_by_another_process(bench: Bench) -> Iterator[Finding]:
    """Whether the referee judges otherwise in a process with another hash seed; guests have theirs in either."""
    seed = bench.problem.seeds[0]
    for instance in bench.sample:
        here, there = bench.trial(seed, instance).result, bench.elsewhere(seed, instance)
        if there is None:
            return
        if here.scores != there.scores:
            yield Finding(
                fault="process_decides_score",
                severity=Severity.FATAL,
                message=f"on {instance.id} the referee gives the same program {_told(bench, here)} in this process and "
                f"{_told(bench, there)} in another one with another hash seed",
                remedy="let no score hang on the order of a set, on hash() or id(), nor on what else a process has of "
                "its own: sort, or use lists and dictionaries",
            )
            return


def _told(bench: Bench, result: InstanceResult) -> str:
    return result.fault.message if result.fault is not None else repr(result.scores.get(bench.objective.name))


def _explained(bench: Bench, first: Trial, twin: Trial) -> Finding:
    """Why two equal evaluations differ: the clock, the shared random stream, or something else."""
    instance = first.instance
    seeded = [_seeded(bench, first, number) for number in (1, 1, 2)]
    if _agree(bench, seeded[0], seeded[1]) and not _agree(bench, seeded[0], seeded[2]):
        return Finding(
            fault="shared_random_stream",
            severity=Severity.FATAL,
            message=f"the score on {instance.id} depends on the random stream that all of the referee's process "
            f"shares: {_scores(bench, first, twin)}",
            remedy="draw from a generator of its own, made from (instance, seed): thekla.core.rng.stream",
        )
    paused = _moved_by_pauses(bench, first, twin)
    if paused is not None:
        return _wall_clock(bench, first, paused)
    answers = [[call.answer for call in trial.transcript.calls] for trial in (first, twin)]
    told = "the program answered alike" if answers[0] == answers[1] else "the program answered differently"
    return Finding(
        fault="unrepeatable_score",
        severity=Severity.FATAL,
        message=f"equal evaluations on {instance.id} differ ({told}): {_scores(bench, first, twin)}",
        remedy="take state between judgements, clocks, the system's entropy and orders of sets out of the referee and "
        "out of what programs are told",
    )


def _moved_by_pauses(bench: Bench, first: Trial, twin: Trial) -> Trial | None:
    """An evaluation with a long pause, if pauses move the score further than equal evaluations differ."""
    program, instance = first.program, first.instance
    equal = [first, twin, *(bench.trial(program, instance, again=True) for _ in range(_REPEATS))]
    paused = [bench.trial(program, instance, meddler=_pausing_long, again=True) for _ in range(_REPEATS)]
    near = [score for score in (trial.score(bench.objective) for trial in equal) if score is not None]
    far = [score for score in (trial.score(bench.objective) for trial in paused) if score is not None]
    if len(near) < len(equal) or len(far) < len(paused):
        return None
    apart = max(min(far) - max(near), min(near) - max(far))
    return paused[0] if apart > max(near) - min(near) else None


def _wall_clock(bench: Bench, first: Trial, paused: Trial) -> Finding:
    return Finding(
        fault="wall_clock_score",
        severity=Severity.FATAL,
        message=f"pauses in calls change the score on {first.instance.id}: {_scores(bench, first, paused)}",
        remedy="where running time is the objective, compare CPU time with a reference in the same slot "
        "(thekla.problems.speed); else limit it and leave it out of the score",
    )


def _seeded(bench: Bench, trial: Trial, number: int) -> Trial:
    """The trial again, with the process's random streams seeded."""
    state = random.getstate()
    random.seed(number)
    try:
        return bench.trial(trial.program, trial.instance, again=True)
    finally:
        random.setstate(state)


def _timed(bench: Bench) -> Iterator[Finding]:
    """How far equal evaluations of a timed problem differ."""
    scores = [
        abs(score)
        for score in (trial.score(bench.objective) for trial in bench.trials(bench.problem.seeds[0]))
        if score is not None
    ]
    if not scores:
        return
    share = bench.noise / max(scores)
    yield Finding(
        fault="timing_noise",
        severity=Severity.WARNING if share > 0.1 else Severity.INFO,
        message=f"CPU time against a reference: equal evaluations differ by {100 * share:.1f} % (standard deviation)",
        remedy="let a race take more turns" if share > 0.1 else "",
        evidence={"share": share},
    )


def decisions_make_the_score(bench: Bench) -> Iterator[Finding]:
    """A score follows from the decisions alone: judged again from their record, without the program, it is the same."""
    if bench.timed:
        return
    for seed in bench.problem.seeds[:2]:
        replay = bench.replay(seed, bench.sample[0])
        if replay.result.fault is not None:
            continue
        if replay.difference:
            yield Finding(
                fault="score_beyond_decisions",
                severity=Severity.FATAL,
                message=f"judged again from the record of {replay.decisions} decisions, {replay.difference}",
                remedy="score what a program answers, and nothing else of its guest: not its usage, not the moment of "
                "an answer; and keep nothing between judgements",
            )
            return
        yield Finding(
            fault="replay_cost",
            severity=Severity.INFO,
            message=f"the score follows from {replay.decisions:,} decisions, without the program; judging those takes "
            f"{number(replay.replay_cpu_s / max(replay.cpu_s, 1e-9), digits=2)} of the CPU time of the evaluation",
            evidence={"decisions": replay.decisions, "cpu_s": replay.cpu_s, "replay_cpu_s": replay.replay_cpu_s},
        )
        return


def declared_variants_score_alike(bench: Bench) -> Iterator[Finding]:
    """Instances that the problem declares equivalent (renamed, reordered, in other units) score alike."""
    package = bench.package
    if not isinstance(package, Invariant):
        return
    for instance in bench.sample:
        for variant, factor in package.variants(instance):
            differing = _differing(bench, bench.problem.seeds[0], (instance, variant, factor))
            if differing:
                yield Finding(
                    fault="variant_differs",
                    severity=Severity.FATAL,
                    message=f"{variant.id} is declared equivalent to {instance.id} (score times {factor:g}), and the "
                    f"first seed scores {differing}",
                    remedy="the score depends on names, order or units that mean nothing: find where, or drop the "
                    "declaration",
                )
                return
    for variant, factor in package.variants(bench.sample[0]):
        yield from _rungs_that_differ(bench, (bench.sample[0], variant, factor))


def _rungs_that_differ(bench: Bench, pair: tuple[Instance, Instance, float]) -> Iterator[Finding]:
    """Rungs to which a difference that means nothing makes one."""
    for rung in bench.package.baselines:
        differing = _differing(bench, rung.program, pair) if rung.program is not None else ""
        if differing:
            yield Finding(
                fault="rung_reads_names",
                severity=Severity.WARNING,
                message=f"rung {rung.name!r} scores {differing} on {pair[1].id}, which is equivalent to {pair[0].id}",
                remedy="it reads something into names, order or units, if only where it breaks ties: let it break "
                "them otherwise, or say so in its description",
                subject=rung.name,
            )


def _differing(bench: Bench, program: Program, pair: tuple[Instance, Instance, float]) -> str:
    """How a program's scores on two equivalent instances differ; empty if they do not."""
    instance, variant, factor = pair
    base = bench.trial(program, instance).score(bench.objective)
    score = bench.trial(program, variant).score(bench.objective)
    if base is None or score is None:
        return "" if base is score else f"{score} instead of {base}"
    apart = abs(score - factor * base) > 1e-9 * abs(factor * base) + bench.margin
    return f"{score} instead of {factor * base}" if apart else ""


def _agree(bench: Bench, first: Trial, twin: Trial) -> bool:
    return first.result.scores == twin.result.scores and (first.result.fault is None) == (twin.result.fault is None)


def _scores(bench: Bench, *trials: Trial) -> str:
    return " and ".join(repr(trial.score(bench.objective)) for trial in trials)


def _pausing(call: Call) -> Value:
    if call.number < _PAUSED_CALLS:
        time.sleep(_PAUSE_S)
    return call.answer


def _pausing_long(call: Call) -> Value:
    if call.number == 0:
        time.sleep(_LONG_PAUSE_S)
    return call.answer


def _numpy_state() -> str:
    """The state of numpy's shared stream, if numpy is loaded."""
    numpy: Any = sys.modules.get("numpy")
    if numpy is None or not hasattr(numpy, "random"):
        return ""
    state: Mapping[str, Any] = numpy.random.get_state(legacy=False)
    return f"{state['state']['pos']} {hash(state['state']['key'].tobytes())}"
