"""The auditor's bench: judges programs on a small sample of instances, within a budget of time."""

from __future__ import annotations

import logging
import statistics
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeAlias

from thekla.audit.guests import Meddler, Transcript, WatchingSandbox, honest
from thekla.core.errors import MissingExtraError, ProblemError
from thekla.core.evaluation import (
    AGGREGATES,
    EvaluationDone,
    EvaluationJob,
    FailureKind,
    Fault,
    InstanceResult,
    Limits,
    Usage,
)
from thekla.core.problem import Baseline, Instance, Objective, Problem, ProblemRef, Split
from thekla.core.program import Program
from thekla.core.protocols import PairedReferee, ProblemPackage, Sandbox
from thekla.evaluation.judging import judge_job
from thekla.evaluation.replaying import Replay, replay_job

__all__ = ["Bench", "Elsewhere", "Mutate", "OutOfTime", "Trial"]

_LOGGER = logging.getLogger(__name__)

Mutate: TypeAlias = Callable[[int], Sequence[Program]]
"""At most so many variants of the problem's seeds, made without a model."""

Elsewhere: TypeAlias = Callable[[EvaluationJob], EvaluationDone]
"""Judges a job in a process of its own, as a run's workers do: its referee shares nothing with this process."""

_SAMPLE = 3  # instances on which most checks judge
_JUDGEMENTS = 150  # of one instance each that a whole audit makes, roughly; it decides which instances are affordable
_LADDER_SHARE = 0.4  # of the budget for judging the ladder on train instances
_BOUND_SHARE = 0.15  # of the budget for computing bounds
_HASTE = 20.0  # times what the first seed takes: enough for an honest program that is tried for its score
_LEAST_HASTE_S = 3.0


class OutOfTime(Exception):
    """The audit's budget is used up."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A program on one instance: its result, what crossed, and what it used."""

    program: Program
    instance: Instance
    result: InstanceResult
    transcript: Transcript = field(compare=False)
    usage: Usage

    def score(self, objective: Objective) -> float | None:
        """Its score; None if it has a fault."""
        return self.result.scores.get(objective.name)


class Bench:
    """Judges programs for the checks of one audit; everything that it has judged honestly is kept.

    Args:
        sandbox: Runs the programs; owned by the caller, as is `second`, a sandbox with processes of its own.
        mutate: Makes variants of the seeds.
        elsewhere: Judges in another process with another hash seed; None where the problem cannot be had there.
        budget_s: Wall seconds after which `OutOfTime` is raised instead of a judgement.
        clock: Monotonic seconds.
        quick: Whether to keep to one cheap instance.
    """

    def __init__(
        self,
        package: ProblemPackage,
        *,
        reference: ProblemRef,
        sandbox: Sandbox,
        second: Sandbox | None = None,
        mutate: Mutate,
        elsewhere: Elsewhere | None = None,
        budget_s: float,
        clock: Callable[[], float] = time.monotonic,
        quick: bool = False,
    ) -> None:
        self.package = package
        self.reference = reference
        self.quick = quick
        self.mutate = mutate
        self.evaluations = 0
        self.judged: dict[str, Instance] = {}
        self._sandbox = sandbox
        self._second = second or sandbox
        self._elsewhere = elsewhere
        self._clock = clock
        self._budget_s = budget_s
        self._deadline_s = clock() + budget_s
        self._kept: dict[tuple[str, str, int, bool], Trial] = {}
        self._bounds: dict[str, float | None] = {}
        self._bounds_s = 0.0

    @property
    def problem(self) -> Problem:
        """The problem as data."""
        return self.package.problem

    @cached_property
    def objective(self) -> Objective:
        """The first objective that the referee scores."""
        return next(one for one in self.problem.objectives if one.source == "referee")

    @property
    def confined(self) -> bool:
        """Whether programs run where they can do no harm to this process."""
        return self._sandbox.tier != "trusted"

    @property
    def timed(self) -> bool:
        """Whether scores are CPU time against a reference, so that equal runs differ by noise."""
        return isinstance(self.package.referee, PairedReferee)

    def trial(
        self,
        program: Program,
        instance: Instance,
        *,
        meddler: Meddler = honest,
        seed: int = 0,
        again: bool = False,
        second: bool = False,
        hasty: bool = False,
    ) -> Trial:
        """The program on the instance, from memory if it was judged so before and no one meddles.

        Args:
            again: Judge anew whatever is known.
            second: Use the second sandbox.
            hasty: Give it no more time than a multiple of the first seed's: for programs that may never end.

        Raises:
            OutOfTime: The budget is used up.
        """
        key = (program.id, instance.id, seed)
        known = self._kept.get((*key, False)) or self._kept.get((*key, hasty))
        if meddler is honest and not again and known is not None:
            return known
        limits = self._hasty(instance) if hasty else self.package.limits
        self._take(1)
        watching = WatchingSandbox(self._second if second else self._sandbox, meddler)
        done = self._judge(watching, program, instance, seed, limits)
        self.judged[instance.id] = instance
        trial = Trial(
            program=program, instance=instance, result=done.result, transcript=watching.transcript, usage=done.usage
        )
        if meddler is honest and not again:
            self._kept[*key, hasty] = trial
        return trial

    def _hasty(self, instance: Instance) -> Limits:
        limits = self.package.limits
        most_s = max(_LEAST_HASTE_S, _HASTE * self.trial(self.problem.seeds[0], instance).usage.wall_s)
        return replace(limits, wall_s=min(limits.wall_s, most_s), cpu_s=min(limits.cpu_s, most_s))

    def elsewhere(self, program: Program, instance: Instance) -> InstanceResult | None:
        """The program on the instance in another process with another hash seed; None where there is none.

        Raises:
            OutOfTime: The budget is used up.
        """
        if self._elsewhere is None:
            return None
        self._take(1)
        return self._elsewhere(self._job(program, instance, 0, self.package.limits)).result

    def replay(self, program: Program, instance: Instance) -> Replay:
        """The program on the instance, and again from the record of its decisions.

        Raises:
            OutOfTime: The budget is used up.
        """
        self._take(2)
        return replay_job(self.package, self._sandbox, self._job(program, instance, 0, self.package.limits))

    def _take(self, evaluations: int) -> None:
        """Count evaluations that begin now.

        Raises:
            OutOfTime: The budget is used up.
        """
        if self._clock() >= self._deadline_s:
            raise OutOfTime
        self.evaluations += evaluations

    def _job(self, program: Program, instance: Instance, seed: int, limits: Limits) -> EvaluationJob:
        return EvaluationJob(
            problem=self.reference,
            program=program,
            instance=instance,
            seed=seed,
            stage="audit",
            limits=limits,
        )

    def _judge(
        self, sandbox: Sandbox, program: Program, instance: Instance, seed: int, limits: Limits
    ) -> EvaluationDone:
        job = self._job(program, instance, seed, limits)
        try:
            return judge_job(self.package, sandbox, job)
        except (MissingExtraError, ProblemError):
            raise
        except Exception as error:  # border: the referee is what is being audited
            _LOGGER.debug("the referee raised", exc_info=True)
            fault = Fault(
                kind=FailureKind.INFRASTRUCTURE, message=f"referee: {error!r}", traceback=traceback.format_exc(limit=-8)
            )
            return EvaluationDone(job=job, result=InstanceResult(fault=fault), usage=Usage(), tier=sandbox.tier)

    def trials(self, program: Program, *, hasty: bool = False) -> list[Trial]:
        """The program on the sample."""
        return [self.trial(program, instance, hasty=hasty) for instance in self.sample]

    def gain(self, trials: Iterable[Trial]) -> float | None:
        """The folded score as a gain; None if a trial has a fault, as a run would have it."""
        return self.fold([trial.score(self.objective) for trial in trials])

    def fold(self, scores: Sequence[float | None]) -> float | None:
        """Scores of several instances as one gain; None if one is missing."""
        found = [score for score in scores if score is not None]
        if not found or len(found) < len(scores):
            return None
        return self.objective.gain(float(AGGREGATES[self.objective.aggregate](found)))

    @cached_property
    def sample(self) -> tuple[Instance, ...]:
        """Instances that most checks judge on: train instances if they are affordable, else those of the stages."""
        staged = [instance for stage in self.problem.stages for instance in stage.instances]
        train = list(self.problem.instances[Split.TRAIN])
        if self.quick:
            return ((staged or train)[0],)
        affordable_s = self._budget_s / _JUDGEMENTS
        chosen: list[Instance] = []
        for instance in train:
            if len(chosen) == _SAMPLE or self._seconds(instance) > affordable_s:
                break
            chosen.append(instance)
        return tuple(chosen or staged[:1] or train[:1])

    def _seconds(self, instance: Instance) -> float:
        """Wall seconds of the first seed on an instance, without what only the first evaluation pays."""
        seed = self.problem.seeds[0]
        self.trial(seed, instance)
        begun_s = self._clock()
        self.trial(seed, instance, again=True)
        return self._clock() - begun_s

    @cached_property
    def noise(self) -> float:
        """Standard deviation of the first seed's score on the first instance over equal runs; 0 if they agree."""
        seed, instance = self.problem.seeds[0], self.sample[0]
        runs = [self.trial(seed, instance), *(self.trial(seed, instance, again=True) for _ in range(3))]
        scores = [score for score in (run.score(self.objective) for run in runs) if score is not None]
        return statistics.stdev(scores) if len(scores) > 1 else 0.0

    @cached_property
    def margin(self) -> float:
        """What a gain must be beyond to be no accident: three standard deviations of the noise, and rounding."""
        scores = [trial.score(self.objective) or 0.0 for trial in self.trials(self.problem.seeds[0])]
        return 3 * self.noise + 1e-9 * max(abs(score) for score in scores)

    @cached_property
    def weak(self) -> Sequence[tuple[str, Program]]:
        """The programs that set the floor: trivial rungs and seeds, by name."""
        trivial = [
            (rung.name, rung.program)
            for rung in self.package.baselines
            if rung.role == "trivial" and rung.program is not None
        ]
        seeds = [(f"seed {number}", seed) for number, seed in enumerate(self.problem.seeds, 1)]
        return [*trivial, *seeds]

    @cached_property
    def floor(self) -> float | None:
        """The best gain of the weak programs on the sample; None if all of them fail."""
        return self._best_weak(self.sample)

    def beats_the_floor(self, program: Program, gain: float) -> bool:
        """Whether a program that gains this on the sample gains more than the weak ones where scores count.

        A sample of an early stage is only a filter, whose referee may be lenient: what looks good there is judged again
        on a train instance, as a run would before it gave the program a score.
        """
        if self.floor is None or gain <= self.floor + self.margin:
            return False
        train = self.problem.instances[Split.TRAIN]
        if self.sample[0] in train:
            return True
        counted, floor = self.gain([self.trial(program, train[0], hasty=True)]), self._best_weak(train[:1])
        return counted is not None and (floor is None or counted > floor + self.margin)

    def _best_weak(self, instances: Sequence[Instance]) -> float | None:
        gains = [self.gain([self.trial(program, each) for each in instances]) for _, program in self.weak]
        return max((gain for gain in gains if gain is not None), default=None)

    def ceiling(self, instance: Instance) -> float | None:
        """The best gain of any program of the problem on one instance; None if all of them fail there."""
        best = self.strongest(instance)
        score = best.score(self.objective) if best is not None else None
        return None if score is None else self.objective.gain(score)

    def strongest(self, instance: Instance) -> Trial | None:
        """The best of the problem's programs on one instance; None if all of them fail there.

        Slow rungs are given up: what they would add is not worth their time, in this and in a candidate.
        """
        rungs = [rung.program for rung in self.package.baselines if rung.program is not None]
        tried = [self.trial(program, instance, hasty=True) for program in [*rungs, *self.problem.seeds]]
        gains = {
            place: self.objective.gain(score)
            for place, trial in enumerate(tried)
            if (score := trial.score(self.objective)) is not None
        }
        return tried[max(gains, key=gains.__getitem__)] if gains else None

    def bound(self, instance: Instance) -> float | None:
        """The proven bound on the instance, as a score; None if there is none.

        Raises:
            OutOfTime: It is not known yet, and the time for bounds is used up.
        """
        if instance.id not in self._bounds:
            if self._bounds_s > _BOUND_SHARE * self._budget_s:
                raise OutOfTime
            begun_s = self._clock()
            self._bounds[instance.id] = self.package.bound(instance).get(self.objective.name)
            self._bounds_s += self._clock() - begun_s
        return self._bounds[instance.id]

    def affordable_bounds(self, instances: Iterable[Instance]) -> dict[str, float | None]:
        """The proven bounds of as many of the instances as there is time for, by id."""
        found: dict[str, float | None] = {}
        for instance in instances:
            try:
                found[instance.id] = self.bound(instance)
            except OutOfTime:
                break
        return found

    @cached_property
    def ladder(self) -> Mapping[str, Mapping[str, InstanceResult]]:
        """Results of every rung and seed on as many train instances as a share of the budget allows, at least one."""
        instances = list(self.problem.instances[Split.TRAIN]) if not self.quick else list(self.sample)
        until_s = self._clock() + _LADDER_SHARE * self._budget_s
        found: dict[str, dict[str, InstanceResult]] = {}
        for number, instance in enumerate(instances):
            begun_s = self._clock()
            row = {rung.name: self.rung(rung, instance) for rung in self.package.baselines}
            row |= {f"seed {n}": self.trial(seed, instance).result for n, seed in enumerate(self.problem.seeds, 1)}
            for name, result in row.items():
                found.setdefault(name, {})[instance.id] = result
            rest = len(instances) - number - 1
            if rest and self._clock() + (self._clock() - begun_s) > until_s:
                break
        return found

    def rung(self, rung: Baseline, instance: Instance) -> InstanceResult:
        """A rung of the ladder on one instance; an oracle runs on the host.

        A rung that ran out of wall time is given another chance: the machine may have been busy.
        """
        if rung.program is None:
            return self.package.judge_on_host(rung, instance, seed=0)
        result = self.trial(rung.program, instance).result
        if result.fault is not None and result.fault.kind is FailureKind.TIMEOUT:
            return self.trial(rung.program, instance, again=True).result
        return result
