"""The evaluation service: checks, cascade, cache, and the queue to a backend."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType

from thekla.core.codec import decode, encode
from thekla.core.errors import ConfigError, SandboxError
from thekla.core.evaluation import (
    Breach,
    EvaluationDone,
    EvaluationJob,
    Failed,
    FailureKind,
    InstanceResult,
    Limits,
    Outcome,
    Scored,
    Usage,
    fold_results,
)
from thekla.core.problem import Baseline, Instance, Objective, ProblemRef, Split
from thekla.core.program import Program
from thekla.core.protocols import Backend, Facts, ProblemPackage, Twin, no_twin
from thekla.core.racing import Cutoff
from thekla.core.rng import stream
from thekla.core.values import digest_of
from thekla.evaluation.bounds import Bounds, breaches
from thekla.evaluation.cache import EvaluationCache
from thekla.evaluation.checks import check_candidate
from thekla.evaluation.complexity import PROGRAM_OBJECTIVES
from thekla.evaluation.racing import has_lost
from thekla.evaluation.repetition import averaged, disagreement
from thekla.evaluation.splits import open_holdout

__all__ = ["EvaluationService"]

_DRIFT = 10  # one in so many programs that behave like another is evaluated all the same
_TWINNED = 3  # a leader's twin runs on one in so many instances: of the demo's evaluations about 2 %, instead of 6 %
_FEWEST_TWINS = 2
_MOST_TRIES = 3  # of a job that our own infrastructure broke; a candidate's fault is never retried


class EvaluationService:
    """The only meter and the only way to a score (`core.protocols.Evaluator`).

    Instances of one program run one after another, so that the first fault ends it and equal runs waste equally;
    several programs are in flight at once. An async context manager; its methods belong to one event loop.

    Args:
        backend: Runs the jobs; closed with the service.
        tier: The sandbox tier that the backend's guests have.
        seed: Seed of every evaluation (repeats of stochastic problems add to it).
        objectives: What is scored; by default the problem's own. Those of source `program` are computed here.

    Raises:
        ConfigError: An objective is to be computed from the program, and there is no rule for it.
    """

    def __init__(
        self,
        package: ProblemPackage,
        backend: Backend,
        facts: Facts,
        *,
        reference: ProblemRef,
        tier: str,
        seed: int = 0,
        objectives: Sequence[Objective] | None = None,
    ) -> None:
        asked = package.problem.objectives if objectives is None else objectives
        self._judged = tuple(objective for objective in asked if objective.source == "referee")
        self._computed = _rules_of(objective for objective in asked if objective.source == "program")
        self._package = package
        # Of stages that give a guest a time of their own.
        self._cpu_s = {stage.name: stage.cpu_s for stage in package.problem.stages}
        self._cpu_s[str(Split.TRAIN)] = package.problem.train_cpu_s
        self._backend = backend
        self._facts = facts
        self._reference = reference
        self._tier = tier
        self._seed = seed
        self._bounds = Bounds(package)
        self._cache = EvaluationCache(facts, evaluator_digest=package.evaluator_digest, tier=tier)
        self._waiting: dict[str, asyncio.Future[EvaluationDone]] = {}
        self._closed = threading.Event()
        self._pump: asyncio.Task[None] | None = None
        self._broken: SandboxError | None = None

    async def __aenter__(self) -> EvaluationService:
        self._pump = asyncio.create_task(self._collect())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._closed.set()
        self._backend.wake()
        try:
            if self._pump is not None:
                await asyncio.gather(self._pump, return_exceptions=True)
        finally:
            self._backend.close()

    async def evaluate(self, program: Program, *, twin: Twin = no_twin, cutoff: Cutoff | None = None) -> Outcome:
        """Checks, then the cascade, then the train split."""
        problem = self._package.problem
        failed = check_candidate(program, self._package)
        if failed is not None:
            return failed
        spent, seen = Usage(), []
        for stage in problem.stages:
            outcome = await self.judge(program, stage.instances, stage=stage.name)
            spent += outcome.cost
            if isinstance(outcome, Failed):
                return outcome
            seen += [result.behaviour for result in outcome.instances.values()]
        behaviour = digest_of(seen) if all(seen) and seen else ""
        other = twin(behaviour) if behaviour else None
        if other is not None and not _drifts(program):
            message = f"decides like candidate {other} in the stages before {Split.TRAIN}"
            return Failed(kind=FailureKind.DUPLICATE, stage=problem.stages[-1].name, message=message, cost=spent)
        train = problem.instances[Split.TRAIN]
        outcome = await self.judge(program, train, stage=str(Split.TRAIN), spent=spent, cutoff=cutoff)
        return replace(outcome, behaviour=behaviour) if isinstance(outcome, Scored) else outcome

    async def confirm(self, program: Program, outcome: Scored, *, wholly: bool = False) -> Outcome:
        """What a candidate that would lead is told as, given its score on the train split.

        Where scores are reproducible, its twin runs under another hash seed and address layout, on the instances in
        reversed order and within twice the limits; both must agree bit for bit. Where they are not, it is evaluated
        again, and what it is told as is the mean of both.

        Args:
            wholly: Whether the twin runs on all instances, not on a third of them, which the program's id chooses.
        """
        problem = self._package.problem
        instances = problem.instances[Split.TRAIN]
        if not problem.reproducible:
            again = await self.judge(program, instances, stage=str(Split.TRAIN), first_repeat=problem.repeats)
            return again if isinstance(again, Failed) else self._joined(outcome, again)
        jobs = [
            self._job(program, instance, str(Split.TRAIN), repeat, twin=True)
            for instance in reversed(instances if wholly else _some(instances, program))
            for repeat in range(problem.repeats)
        ]
        ends = await asyncio.gather(*map(self._run, jobs))
        cost = sum((end.usage for end in ends), outcome.cost)
        results: dict[str, list[InstanceResult]] = {}
        for end in ends:
            results.setdefault(end.job.instance.id, []).append(end.result)
        second = {name: averaged(found) for name, found in results.items()}
        difference = disagreement({name: outcome.instances[name] for name in second}, second)
        if not difference:
            return replace(outcome, cost=cost)
        message = (
            f"evaluated twice, it did not do the same: {difference}; its decisions must not depend on the order of "
            "sets, on hash() or id(), nor on anything else that is not in its arguments"
        )
        return Failed(kind=FailureKind.NONDETERMINISTIC, stage=str(Split.TRAIN), message=message, cost=cost)

    async def judge(
        self,
        program: Program,
        instances: Sequence[Instance],
        *,
        stage: str,
        spent: Usage | None = None,
        first_repeat: int = 0,
        cutoff: Cutoff | None = None,
        bounded: bool = True,
    ) -> Outcome:
        """The program on the instances, up to its first fault; a score better than a bound is quarantined.

        Args:
            spent: What the stages before used.
            first_repeat: Where the seeds of the repeats begin; other seeds make another sample.
            cutoff: What it must be able to beat, in the one objective that there is.
            bounded: Whether scores are held to the instances' proven bounds, which may take longer than the program.
        """
        results: dict[str, InstanceResult] = {}
        cost, tier = spent or Usage(), self._tier
        order = _in_order(instances, cutoff)
        for place, instance in enumerate(order):
            if cutoff is None:  # one ahead, so that the oldest of the tickets that are out has a second worker
                for after in order[place + 1 : place + 2]:
                    self._begin(self._job(program, after, stage, first_repeat))
            tries: list[InstanceResult] = []
            for repeat in range(first_repeat, first_repeat + self._package.problem.repeats):
                done = await self._run(self._job(program, instance, stage, repeat))
                cost, tier = cost + done.usage, done.tier
                tries.append(done.result)
                if done.result.fault is not None:
                    break
            results[instance.id] = averaged(tries)
            if results[instance.id].fault is not None:
                results = {instance.id: results[instance.id]}
                break
            lost = await self._lost(results, instances, cutoff) if cutoff else ""
            if lost:
                return Failed(kind=FailureKind.OUTRACED, stage=stage, message=lost, cost=cost)
        results = {each.id: results[each.id] for each in instances if each.id in results}
        outcome = fold_results(self._judged, results, stage=stage, tier=tier, cost=cost)
        if isinstance(outcome, Failed):
            return outcome
        found = breaches(self._judged, outcome, await self._bounds.of(instances) if bounded else {})
        if found:
            return _quarantined(found, outcome, stage)
        computed = {name: rule(program) for name, rule in self._computed.items()}
        return replace(outcome, scores={**outcome.scores, **computed})

    async def judge_baseline(self, baseline: Baseline, instances: Sequence[Instance], *, stage: str) -> Outcome:
        """A rung of the ladder: a program like any other, or an oracle on the host."""
        if baseline.program is not None:
            return await self.judge(baseline.program, instances, stage=stage)
        repeats = range(self._package.problem.repeats)
        results = {
            instance.id: averaged([await self._oracle(baseline, instance, self._seed + repeat) for repeat in repeats])
            for instance in instances
        }
        return fold_results(self._judged, results, stage=stage, tier="host", cost=Usage())

    def open_holdout(self, chain: str) -> Sequence[Instance]:
        """The hold-out that the journal's hash determines."""
        return open_holdout(self._package, chain)

    async def bound(self, instances: Sequence[Instance]) -> Mapping[str, float]:
        """The bound per objective, folded over the instances as scores are."""
        bounds = await self._bounds.of(instances)
        common = [objective for objective in self._judged if all(objective.name in bound for bound in bounds.values())]
        if not common or not bounds:
            return {}
        results = {name: InstanceResult(scores=bound) for name, bound in bounds.items()}
        folded = fold_results(common, results, stage="bound", tier="host", cost=Usage())
        return {} if isinstance(folded, Failed) else folded.scores

    async def _lost(self, results: Mapping[str, InstanceResult], instances: Sequence[Instance], cutoff: Cutoff) -> str:
        """Why a program need not meet the instances that are left; empty if it must, or if none is left."""
        (objective,) = self._judged
        if len(results) == len(instances):
            return ""
        scores = {name: result.scores[objective.name] for name, result in results.items()}
        why = has_lost(objective, scores, cutoff, await self._bounds.of(instances))
        met = f"after {len(results)} of {len(instances)} instances"
        return f"{met}, {why} be among the best {cutoff.keep} of the run" if why else ""

    def _joined(self, outcome: Scored, again: Scored) -> Outcome:
        """The mean of two samples of equal size."""
        results = {name: averaged([result, again.instances[name]]) for name, result in outcome.instances.items()}
        cost = outcome.cost + again.cost
        mean = fold_results(self._judged, results, stage=str(Split.TRAIN), tier=outcome.tier, cost=cost)
        assert isinstance(mean, Scored)
        return replace(mean, scores={**outcome.scores, **mean.scores}, behaviour=outcome.behaviour)

    def _job(
        self, program: Program, instance: Instance, stage: str, repeat: int, *, twin: bool = False
    ) -> EvaluationJob:
        limits = self._package.limits
        own_s = self._cpu_s.get(stage, limits.cpu_s)
        if own_s < limits.cpu_s:
            limits = replace(limits, cpu_s=own_s)
        return EvaluationJob(
            problem=self._reference,
            program=program,
            instance=instance,
            seed=self._seed + repeat,
            stage=stage,
            limits=_doubled(limits) if twin else limits,
            twin=twin,
        )

    async def _oracle(self, baseline: Baseline, instance: Instance, seed: int) -> InstanceResult:
        key = "host:" + digest_of([baseline.name, self._package.evaluator_digest, instance.id, instance.digest, seed])
        row = self._facts.fact("evaluation", key)
        if row is not None:
            return decode(InstanceResult, row["result"])
        loop = asyncio.get_running_loop()
        result = await loop.run_in_executor(None, lambda: self._package.judge_on_host(baseline, instance, seed=seed))
        if self._facts.fact("evaluation", key) is None:
            self._facts.record("evaluation", key, {"result": encode(result), "tier": "host"}, durable=False)
        return result

    async def _run(self, job: EvaluationJob) -> EvaluationDone:
        key = self._cache.key(job)
        for _ in range(_MOST_TRIES):
            if self._broken is not None:
                raise self._broken
            recorded = self._begin(job, key)
            if recorded is not None:
                return recorded
            done = await asyncio.shield(self._waiting[key])
            fault = done.result.fault
            if fault is None or fault.kind is not FailureKind.INFRASTRUCTURE:
                return done
        assert fault is not None
        raise SandboxError(
            f"evaluating instance {job.instance.id!r} failed {_MOST_TRIES} times through no fault of the program: "
            f"{fault.message}; `thekla doctor` shows what this machine can do"
        )

    def _begin(self, job: EvaluationJob, key: str = "") -> EvaluationDone | None:
        """Have a job evaluated, unless that goes on already; what is known of it is returned."""
        key = key or self._cache.key(job)
        if key in self._waiting:
            return None
        recorded = self._cache.find(job, key)
        if recorded is None and self._broken is None:
            self._waiting[key] = asyncio.get_running_loop().create_future()
            self._waiting[key].add_done_callback(_heard)
            self._backend.submit(job)
        return recorded

    async def _collect(self) -> None:
        """Take ended jobs from the backend, in a thread that only waits."""
        loop = asyncio.get_running_loop()
        try:
            while not self._closed.is_set():
                for done in await loop.run_in_executor(None, lambda: list(self._backend.completed())):
                    self._settle(done)
        except Exception as error:  # border: a backend may be a plug-in, and whatever ends it must reach all who wait
            self._broken = SandboxError(f"the backend stopped: {error}")
            for future in self._waiting.values():
                future.set_exception(self._broken)
            self._waiting.clear()

    def _settle(self, done: EvaluationDone) -> None:
        key = self._cache.key(done.job)
        future = self._waiting.pop(key, None)
        if future is None:
            return
        try:
            self._cache.keep(done, key)
        except Exception as error:  # border: whatever the disk refuses must reach the one who waits
            future.set_exception(error)
        else:
            future.set_result(done)


def _rules_of(objectives: Iterable[Objective]) -> Mapping[str, Callable[[Program], float]]:
    """The rules of objectives that are computed from a program, by name."""
    names = [objective.name for objective in objectives]
    unknown = [name for name in names if name not in PROGRAM_OBJECTIVES]
    if unknown:
        known = ", ".join(PROGRAM_OBJECTIVES)
        raise ConfigError(f"no rule computes {', '.join(unknown)} from a program; there are rules for {known}")
    return {name: PROGRAM_OBJECTIVES[name] for name in names}


def _drifts(program: Program) -> bool:
    """Whether a program that seems to add nothing is evaluated nevertheless: a fixed share, by its id."""
    return int(program.id[:8], 16) % _DRIFT == 0


def _some(instances: Sequence[Instance], program: Program) -> list[Instance]:
    """Those on which a leader's twin runs: others for every program, so that no instance is safe."""
    count = min(len(instances), max(_FEWEST_TWINS, math.ceil(len(instances) / _TWINNED)))
    chosen = stream(0, "twin", program.id).sample(range(len(instances)), count)
    return [instances[place] for place in sorted(chosen)]


def _in_order(instances: Sequence[Instance], cutoff: Cutoff | None) -> Sequence[Instance]:
    """The instances as a race meets them."""
    if cutoff is None:
        return instances
    place = {name: number for number, name in enumerate(cutoff.order)}
    return sorted(instances, key=lambda instance: place[instance.id])


def _doubled(limits: Limits) -> Limits:
    """Room for a twin, so that a program at the edge of a limit is not taken for one that changes its mind."""
    return replace(limits, wall_s=2 * limits.wall_s, cpu_s=2 * limits.cpu_s, memory_mb=2 * limits.memory_mb)


def _quarantined(found: tuple[Breach, ...], outcome: Scored, stage: str) -> Failed:
    """The outcome without its scores, which cannot be."""
    first = found[0]
    where = f"instance {first.instance!r}" if first.instance else "the split"
    message = (
        f"its {first.objective} of {first.score!r} on {where} is better than the proven bound {first.bound!r}: the "
        "program cheats, or the evaluator or the bound is wrong"
    )
    return Failed(kind=FailureKind.QUARANTINED, stage=stage, message=message, cost=outcome.cost, breaches=found)


def _heard(future: asyncio.Future[EvaluationDone]) -> None:
    """Take note of an exception for which nobody waits any more: the run is being cancelled."""
    if not future.cancelled():
        future.exception()
