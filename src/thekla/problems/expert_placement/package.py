"""Expert placement as a problem package: what the folder offers to evaluation, search and reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib.metadata import version
from inspect import getsource

from thekla.core.evaluation import InstanceResult
from thekla.core.problem import Baseline, Instance, Problem, Stage
from thekla.core.values import Value
from thekla.problems import speed
from thekla.problems.package import FolderPackage
from thekla.problems.speed import RELATIVE_CPU

from . import FOLDER
from .interface import VOCABULARY, interface, tensor_interface
from .oracle import clairvoyant
from .referee import BALANCE_TOLERANCE, BalanceReferee, SpeedReferee, as_told, bound_of, judge_plans
from .tensors import torch_wheels
from .workloads import drawn_holdout, relabelled, resized, scene, smoke, splits, varied

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
    "public": (
        "Mean balance over the windows that plans meet; moving is free. Higher is better, 1 is the ceiling. Windows\n"
        "are 100 steps each of the public log of a server, on 288 slots of 32 GPUs.\n"
    ),
    "speed": (
        "CPU time of `plan` relative to a reference that takes turns with you, lower is better. Windows are unrelated\n"
        "to each other here, so no plan serves twice. The reference is greedy replication and longest processing\n"
        f"time first, written in numpy; a mean balance more than {BALANCE_TOLERANCE} below its has no score. Models\n"
        "have 58 layers of 256 experts on 32 GPUs, or 58 layers of 64 experts on 16.\n"
    ),
}

_SCORES["tensors"] = _SCORES["calibrated"] + (
    "Instead of `plan` a program may define the published\n"
    "`rebalance_experts(weight, num_replicas, num_groups, num_nodes, num_gpus)` with tensors of PyTorch, whose first\n"
    "result is the slot map; `num_replicas` is the number of slots.\n"
)

_LIMIT = "The CPU time for one model, loading included, is limited to {:g} s.\n"


class ExpertPlacementPackage(FolderPackage):
    """One suite of expert placement."""

    folder = FOLDER

    def __init__(self, suite: str) -> None:
        super().__init__(suite)
        if suite == "tensors":
            torch_wheels()  # so that an absent extra is told at once

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
            interface=tensor_interface() if self._suite == "tensors" else interface(),
            objectives=(self._objective,),
            seeds=tuple(FOLDER.program(f"{path}.py") for path in seeds),
            instances=splits(self._suite),
            stages=(Stage(name="smoke", instances=(smoke(self._suite),)),),
            measures=FOLDER.measures,
            vocabulary=VOCABULARY,
            published=FOLDER.published(self._suite),
            hints=FOLDER.hints,
            reproducible=self._suite != "speed",
        )

    @cached_property
    def referee(self) -> BalanceReferee | SpeedReferee:
        """The trusted judge."""
        if self._objective.name == RELATIVE_CPU:
            return SpeedReferee(FOLDER.program("baselines/lpt.py"))
        return BalanceReferee()

    @cached_property
    def evaluator_digest(self) -> str:
        """Hash over this folder, the simulator's sources, the race's if there is one, and Python and the wheels."""
        return FOLDER.evaluator_digest(
            self._suite,
            race=getsource(speed) if self._suite == "speed" else "",
            torch=version("torch") if self._suite == "tensors" else "",
        )

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

    def resized(self, instance: Instance, factor: float) -> Instance | None:
        """A model with `factor` times the experts on `factor` times the GPUs; None for the public log."""
        return resized(instance, factor)

    def varied(self, instance: Instance, *, seed: int) -> Instance | None:
        """Another draw of the model, or of another one now and then; None for the public log."""
        return varied(instance, seed=seed)

    def relabelled(self, instance: Instance, *, seed: int) -> Instance | None:
        """The same loads, the layers under other numbers; experts keep theirs, by which ties are broken."""
        return relabelled(instance, seed=seed)

    def hidden(self, instance: Instance) -> Sequence[Value]:
        """The windows that plans meet and that no plan is made after: the last, and every second one of a race."""
        windows = scene(instance.id).windows
        return [as_told(each) for each in (windows[1::2] if self._objective.name == RELATIVE_CPU else windows[-1:])]

    def bound(self, instance: Instance) -> Mapping[str, float]:
        """A balance of 1, or no CPU time at all."""
        return bound_of(self._objective.name)
