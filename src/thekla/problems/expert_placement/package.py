"""Expert placement as a problem package: what the folder offers to evaluation, search and reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from inspect import getsource

from thekla.core.evaluation import InstanceResult
from thekla.core.problem import Baseline, Instance, Problem, Role, Stage
from thekla.problems import speed
from thekla.problems.package import FolderPackage
from thekla.problems.speed import RELATIVE_CPU

from . import FOLDER
from .interface import VOCABULARY, interface
from .oracle import clairvoyant
from .referee import BALANCE_TOLERANCE, BalanceReferee, SpeedReferee, bound_of, judge_plans
from .workloads import drawn_holdout, scene, smoke, splits

__all__ = ["ExpertPlacementPackage"]

_SCORES = {
    "default": (
        "Mean balance over the windows that plans meet, less 0.05 times the share of slots whose expert changed from\n"
        "one plan to the next; the mean over the models. Higher is better, 1 is the ceiling. Models have 4 layers of\n"
        "64 to 256 experts on 16 to 64 GPUs; regimes shift without notice.\n"
    ),
    "calibrated": (
        "Mean balance over the windows that plans meet; moving is free. Higher is better, 1 is the ceiling. The model\n"
        "has 58 layers of 256 experts, with 288 slots on 32 GPUs; there are 12 windows.\n"
    ),
    "speed": (
        "CPU time of `plan` relative to a reference that takes turns with you, lower is better. Windows are unrelated\n"
        "to each other here, so no plan serves twice. The reference is greedy replication and longest processing\n"
        f"time first, written in numpy; a mean balance more than {BALANCE_TOLERANCE} below its has no score. Models\n"
        "have 58 layers of 256 experts on 32 GPUs, or 58 layers of 64 experts on 16.\n"
    ),
}

_LIMIT = "The CPU time for one model, loading included, is limited to {:g} s.\n"

_RUNGS: Mapping[str, tuple[str, Role, str]] = {
    "in-order": ("seeds/in_order", "trivial", "experts in their order, one more replica for the most loaded (a seed)"),
    "dealt": ("seeds/dealt", "rule", "a second replica for the most loaded, dealt to the GPUs in turn (a seed)"),
    "loop-scan": (
        "seeds/loop_scan",
        "trivial",
        "greedy replication and packing in numpy, one replica at a time (a seed)",
    ),
    "loop-lpt": ("baselines/loop_lpt", "rule", "greedy replication and packing over all GPUs, in plain loops"),
    "hierarchical": ("baselines/hierarchical", "state_of_the_art", "groups to nodes, replicas within their node"),
    "snake": ("baselines/snake", "state_of_the_art", "greedy replication, dealt to all GPUs back and forth"),
    "lpt": ("baselines/lpt", "state_of_the_art", "greedy replication and packing over all GPUs"),
    "forecast": ("baselines/forecast", "state_of_the_art", "ours: `lpt` for all windows since the last shift"),
}
_LADDERS = {
    "default": ("in-order", "dealt", "hierarchical", "lpt", "snake", "forecast"),
    "calibrated": ("in-order", "dealt", "hierarchical", "lpt", "snake", "forecast"),
    "speed": ("loop-scan", "loop-lpt", "lpt", "snake"),
}
_SOURCES = {
    "hierarchical": "DeepSeek's open-source balancer, its rules as the public evaluator describes them; written anew",
    "snake": "the idea of LEVI's program (public leaderboard); written anew",
}


class ExpertPlacementPackage(FolderPackage):
    """One suite of expert placement."""

    folder = FOLDER

    @cached_property
    def problem(self) -> Problem:
        """The problem as data. In suite `speed` a seed must keep the balance, so its seeds are loops."""
        races = self._objective.name == RELATIVE_CPU
        seeds = ("seeds/loop_scan", "baselines/loop_lpt") if races else ("seeds/in_order", "seeds/dealt")
        return Problem(
            name=FOLDER.name,
            version=FOLDER.data["version"],
            suite=self._suite,
            statement=FOLDER.text("statement.md") + _SCORES[self._suite] + _LIMIT.format(self.limits.cpu_s),
            interface=interface(),
            objectives=(self._objective,),
            seeds=tuple(FOLDER.program(f"{path}.py") for path in seeds),
            instances=splits(self._suite),
            stages=(Stage(name="smoke", instances=(smoke(self._suite),)),),
            measures=FOLDER.measures,
            vocabulary=VOCABULARY,
            published=FOLDER.published(self._suite),
            reproducible=self._suite != "speed",
        )

    @cached_property
    def referee(self) -> BalanceReferee | SpeedReferee:
        """The trusted judge."""
        if self._objective.name == RELATIVE_CPU:
            return SpeedReferee(FOLDER.program("baselines/lpt.py"))
        return BalanceReferee()

    @cached_property
    def baselines(self) -> Sequence[Baseline]:
        """The ladder, weakest first."""
        rungs = []
        for name in _LADDERS[self._suite]:
            path, role, about = _RUNGS[name]
            program = FOLDER.program(f"{path}.py")
            rungs.append(
                Baseline(name=name, role=role, program=program, description=about, source=_SOURCES.get(name, ""))
            )
        if self._objective.name != RELATIVE_CPU:
            about = "`lpt`, told the load that its plan will meet: what is lost without drift"
            rungs.append(Baseline(name="clairvoyant", role="oracle", description=about))
        return tuple(rungs)

    @cached_property
    def evaluator_digest(self) -> str:
        """Hash over this folder, the simulator's sources, the race's if there is one, and Python and numpy."""
        return FOLDER.evaluator_digest(self._suite, race=getsource(speed) if self._suite == "speed" else "")

    def holdout(self, key: bytes) -> Sequence[Instance]:
        """The hold-out that `key` determines."""
        return drawn_holdout(self._suite, key)

    def judge_on_host(self, baseline: Baseline, instance: Instance, *, seed: int) -> InstanceResult:
        """The result of the oracle; it is deterministic, so `seed` has no effect.

        Raises:
            ProblemError: The baseline is not an oracle of this suite.
        """
        if baseline.role != "oracle" or self._objective.name == RELATIVE_CPU:
            return super().judge_on_host(baseline, instance, seed=seed)
        setting = scene(instance.id)
        return judge_plans(setting, clairvoyant(FOLDER.program("baselines/lpt.py").text, setting))

    def bound(self, instance: Instance) -> Mapping[str, float]:
        """A balance of 1, or no CPU time at all."""
        return bound_of(self._objective.name)
