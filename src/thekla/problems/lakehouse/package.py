"""The lakehouse as a problem package: what the folder offers to evaluation, search and reports."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TypeAlias

from thekla.core.errors import ConfigError, MissingExtraError
from thekla.core.evaluation import Failed, InstanceResult, Limits
from thekla.core.problem import Baseline, Instance, Objective, Problem, Split, Stage
from thekla.core.program import Program
from thekla.core.values import Value
from thekla.problems.folder import ProblemFolder
from thekla.problems.package import FolderPackage
from thekla.simulators.lakehouse import Segment, Settings, oracle_policy, penalised_latency_bound, policy_source

from .checking import lint_failure
from .goals import GOALS, PENALTY, Goal, penalty_seconds
from .interface import VOCABULARY, interface
from .own_traces import read_own_traces
from .referee import LakehouseReferee, judge_scheduler
from .workloads import (
    Scene,
    drawn_holdout,
    neighbour,
    probes,
    published_holdout,
    relabelled,
    resized,
    scene,
    smoke,
    splits,
)

__all__ = ["OWN", "LakehousePackage", "OwnTracesPackage", "build"]

OWN = "traces"
"""Suite of a package of a user's own traces."""

Scenes: TypeAlias = Callable[[str], Scene]

_FOLDER = ProblemFolder(__package__, sources=("thekla.simulators.lakehouse",), wheels=("numpy",))

_DIGITS = 3  # to which memory that a policy gives may be rounded
_USUAL_OPERATORS = 5_000  # of the largest listed traces, for which the limits were measured
# The tiny case takes the seed 0.012 CPU s; what does not end there soon will not end on a whole trace either.
_SMOKE_CPU_S, _PROBE_CPU_S = 0.5, 1.5
_OWN_LIMITS = 4.0  # 17,000 calls of `priority`, on a calm trace with a job too large for it, took 2.5 CPU s in process

_PUBLISHED_SCORE = (
    "The score of a trace is the weighted mean latency of the pipelines that completed, divided by the share of\n"
    "all pipelines that completed; a trace on which nothing completes scores worse than any other outcome. The\n"
    "score of a policy is the median over the traces. One pool of 64 CPUs and 500 GB, 600 s.\n"
)
_SCORES = {
    "default": (
        "The score of a trace is the weighted mean latency of all pipelines; one that does not complete counts as\n"
        "600 s, twice the trace. The score of a policy is the mean over the traces. They differ in load, burstiness,\n"
        "classes, shapes and sizes; 64 CPUs and 500 GB are one pool or two halves, 300 s.\n"
    ),
    "public": _PUBLISHED_SCORE,
    "siblings": _PUBLISHED_SCORE,
    "thekla-2026a": (
        "The score of a trace is the weighted mean latency of all pipelines; one that does not complete counts as\n"
        "1200 s, twice the trace. The score of a policy is the mean over the traces. They differ in load, burstiness,\n"
        "classes, shapes and sizes; an operator may read and compute several times in turn, and its memory need not\n"
        "follow from what it reads. Two pools of 32 CPUs and 250 GB, 600 s.\n"
    ),
}


def build(suite: str = "default", *, traces: str = "", objective: str = "", params: str = "") -> LakehousePackage:
    """The package of a suite, or of a user's own traces under a goal of theirs.

    Args:
        traces: Folder of the user's own traces (an absolute path); empty for a suite.
        objective: A name of `goals.GOALS` for own traces; by default the penalty form.
        params: Parameter file of their cluster (an absolute path); by default `params.toml` in the folder.

    Raises:
        ConfigError: There is no such suite or goal, or the folder is not what it must be.
    """
    if traces:
        if suite not in ("default", OWN):
            raise ConfigError(f"own traces have no suite {suite!r}; leave the suite out")
        return OwnTracesPackage(traces, objective or PENALTY, params)
    if objective or params:
        raise ConfigError("an objective and parameters are chosen for own traces only; name their folder with --traces")
    return LakehousePackage.build(suite)


class LakehousePackage(FolderPackage):
    """One suite of the lakehouse."""

    folder = _FOLDER

    def __init__(self, suite: str, *, objective: Objective | None = None, scene: Scenes = scene) -> None:
        super().__init__(suite, objective=objective)
        self._scene = scene

    @cached_property
    def problem(self) -> Problem:
        """The problem as data."""
        stages = (
            Stage(name="smoke", instances=(smoke(self._suite),), cpu_s=_SMOKE_CPU_S),
            Stage(name="probe", instances=probes(self._suite), cpu_s=_PROBE_CPU_S),
        )
        return self._problem(
            _SCORES[self._suite],
            splits(self._suite),
            stages,
            published=_FOLDER.published(self._suite),
            fixed_holdout=bool(published_holdout(self._suite)),
        )

    def _problem(
        self,
        score: str,
        instances: Mapping[Split, tuple[Instance, ...]],
        stages: tuple[Stage, ...],
        *,
        published: Mapping[str, tuple[float, str]],
        fixed_holdout: bool = False,
    ) -> Problem:
        return Problem(
            name=_FOLDER.name,
            version=_FOLDER.data["version"],
            suite=self._suite,
            statement=_FOLDER.text("statement.md") + score,
            interface=interface(),
            objectives=(self._objective,),
            seeds=(_FOLDER.program("seeds/fifo.py"),),
            instances=instances,
            stages=stages,
            measures=_FOLDER.measures,
            vocabulary=VOCABULARY,
            published=published,
            hints=_FOLDER.hints,
            fixed_holdout=fixed_holdout,
            train_cpu_s=float(_FOLDER.data["suites"].get(self._suite, {}).get("train_cpu_s", math.inf)),
        )

    @cached_property
    def referee(self) -> LakehouseReferee:
        """The trusted judge."""
        explained = bool(self.folder.data["suites"].get(self._suite, {}).get("explained", True))
        return LakehouseReferee(self._objective.name, self._scene, explained=explained)

    @cached_property
    def baselines(self) -> Sequence[Baseline]:
        """The ladder, weakest first; `priority` is a policy of the simulator."""
        return self.folder.baselines(self._suite, {"priority": Program.from_text(policy_source("priority"))})

    def holdout(self, key: bytes) -> Sequence[Instance]:
        """The hold-out that `key` determines, or the one that a named benchmark publishes."""
        return published_holdout(self._suite) or drawn_holdout(self._suite, key)

    def check(self, program: Program) -> Failed | None:
        """What the simulator's linter is certain of: names, attributes and calls that the interface does not have."""
        return lint_failure(program)

    def judge_on_host(self, baseline: Baseline, instance: Instance, *, seed: int) -> InstanceResult:
        """The result of the oracle; it is deterministic, so `seed` has no effect.

        Raises:
            ProblemError: The baseline is not an oracle of this problem.
        """
        if baseline.name != "exact-fifo":
            return super().judge_on_host(baseline, instance, seed=seed)
        setting = self._scene(instance.id)
        return judge_scheduler(oracle_policy(setting.trace), setting, self._objective.name)

    def resized(self, instance: Instance, factor: float) -> Instance | None:
        """`factor` such traces at once on pools `factor` times as large; None for traces that are none of a kind."""
        return resized(instance, factor)

    def varied(self, instance: Instance, *, seed: int) -> Instance | None:
        """Another draw like it, a degree burstier or calmer, or of another profile now and then."""
        return neighbour(instance, seed=seed)

    def relabelled(self, instance: Instance, *, seed: int) -> Instance | None:
        """The same trace, its pipelines under other ids; an operator has no name that a policy sees."""
        return relabelled(instance, seed=seed)

    def hidden(self, instance: Instance) -> Sequence[Value]:
        """What operators need (time, input, memory): as rows, of a pipeline and of the trace, and one by one where a
        need has more digits than a policy may come by.

        With an estimator, which may tell the truth about memory, it is the time only.
        """
        setting = self._scene(instance.id)
        own = [[segment for one in each.operators for segment in one.work.segments] for each in setting.trace.pipelines]
        needs: list[Callable[[Segment], float]] = [lambda segment: segment.cpu_seconds]
        if setting.new_estimator() is None:
            needs += [lambda segment: segment.storage_read_gb, lambda segment: segment.held_memory_gb]
        rows = [[need(segment) for segment in each] for need in needs for each in [*own, list(chain(*own))]]
        particular = {value for row in rows for value in row if value != round(value, _DIGITS)}
        return [*rows, *sorted(particular)]

    def bound(self, instance: Instance) -> Mapping[str, float]:
        """A proven lower bound for the penalty form; none is known for the published one."""
        if self._objective.name != PENALTY:
            return {}
        setting = self._scene(instance.id)
        penalty_s = penalty_seconds(setting.params)
        try:
            return {PENALTY: penalised_latency_bound(setting.trace, setting.params, penalty_s, setting.compat)}
        except ModuleNotFoundError as error:
            raise MissingExtraError("the bound of the lakehouse", extra="problems", package="numpy") from error


class OwnTracesPackage(LakehousePackage):
    """A user's own traces under a goal of theirs."""

    def __init__(self, traces: str, objective: str, params: str = "") -> None:
        if objective not in GOALS:
            raise ConfigError(f"there is no objective {objective!r}; use one of {', '.join(GOALS)}")
        for name, path in (("traces", traces), ("params", params)):
            if path and not Path(path).is_absolute():
                raise ConfigError(f"{name} is {path!r}; give an absolute path, so that a run can be resumed anywhere")
        self._goal = GOALS[objective]
        self._own = read_own_traces(Path(traces), Path(params) if params else None, self._goal)
        super().__init__(OWN, objective=self._goal.objective, scene=self._own.scene)

    @cached_property
    def problem(self) -> Problem:
        """The problem as data."""
        stages = (Stage(name="probe", instances=self._own.probes()),)
        instances = {split: self._own.instances(split) for split in (Split.TRAIN, Split.VALIDATION)}
        statement = _own_statement(self._goal, self._own.settings)
        return self._problem(statement, instances, stages, published={}, fixed_holdout=True)

    @cached_property
    def limits(self) -> Limits:
        """What one guest may use: several times what the suites need, and more for traces that are larger."""
        usual = _FOLDER.limits
        factor = _OWN_LIMITS * max(1.0, self._own.largest / _USUAL_OPERATORS)
        return replace(
            usual,
            cpu_s=factor * usual.cpu_s,
            wall_s=factor * usual.wall_s,
            memory_mb=int(factor * usual.memory_mb),
            frame_kib=int(factor * usual.frame_kib),
        )

    @cached_property
    def evaluator_digest(self) -> str:
        """Hash over this folder, the simulator's sources, Python, numpy, the goal, the cluster and the hold-out."""
        return _FOLDER.evaluator_digest(OWN, objective=self._objective.name, own=self._own.digest)

    def holdout(self, key: bytes) -> Sequence[Instance]:
        """The traces that the folder holds out: fixed, whatever the key."""
        return self._own.instances(Split.HOLDOUT)

    def resized(self, instance: Instance, factor: float) -> Instance | None:
        """None: there are only the traces that the folder holds."""
        return None

    def varied(self, instance: Instance, *, seed: int) -> Instance | None:
        """None: there are only the traces that the folder holds."""
        return None

    def relabelled(self, instance: Instance, *, seed: int) -> Instance | None:
        """The same trace, its pipelines under other ids."""
        return self._own.relabelled(instance, seed=seed)


def _own_statement(goal: Goal, settings: Settings) -> str:
    params = settings.params
    lines = [goal.about, "The score of a policy is the mean over the traces."]
    lines.append(
        f"Pools: {params.num_pools}, each of {params.cpus_per_pool:g} CPUs and {params.ram_gb_per_pool:g} GB; "
        f"{params.duration:g} s are simulated."
    )
    if params.multi_operator_containers:
        lines.append("An `Assignment` may hold several operators, which its container runs one after the other.")
    if params.allow_memory_overcommit:
        lines.append("Containers may be promised more memory than a pool has; if it runs out, the greediest is killed.")
    if params.max_job_seconds:
        lines.append(f"A pipeline is given up {params.max_job_seconds:g} s after its arrival.")
    if settings.estimator_algo:
        lines.append("`op.estimate.mem_peak_gb` guesses an operator's peak of memory.")
    return "\n".join(lines) + "\n"
