"""Programs with the published tensor interface run as they are, where PyTorch is present."""

import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from thekla.core.errors import MissingExtraError
from thekla.core.evaluation import Limits
from thekla.core.problem import Split
from thekla.core.program import Program
from thekla.evaluation.checks import check
from thekla.problems.expert_placement import FOLDER, build
from thekla.problems.expert_placement import interface as interfaces
from thekla.problems.expert_placement.interface import tensor_interface
from thekla.problems.expert_placement.tensors import installed_with, torch_wheels
from thekla.sandbox import TrustedSandbox
from thekla.testing.guests import InProcessGuest

PUBLISHED = """
import torch


def rebalance_experts(weight, num_replicas, num_groups, num_nodes, num_gpus):
    layers, experts = weight.shape
    assert (num_groups, num_nodes, num_gpus) == (2, 1, 2)
    order = torch.argsort(weight, dim=-1, descending=True)
    phy2log = torch.cat([order, order[:, : num_replicas - experts]], dim=-1)
    return phy2log, None, None
"""
LOAD = np.array([[3, 9, 1, 4], [5, 2, 8, 7]])
WANTED = [[1, 3, 0, 2, 1, 3], [2, 3, 0, 1, 2, 3]]


class Stand(ModuleType):
    """As much of PyTorch as the program above uses, on arrays."""

    def from_numpy(self, values: NDArray[Any]) -> NDArray[Any]:
        return values

    def argsort(self, values: NDArray[Any], *, dim: int, descending: bool) -> NDArray[Any]:
        return np.argsort(-values if descending else values, axis=dim)

    def cat(self, parts: list[NDArray[Any]], *, dim: int) -> NDArray[Any]:
        return np.concatenate(parts, axis=dim)


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, "torch", Stand("torch"))
    monkeypatch.setattr(interfaces, "torch_wheels", lambda: ("numpy",))
    tensor_interface.cache_clear()
    yield
    tensor_interface.cache_clear()


def planned(program: Program) -> list[list[int]]:
    guest = InProcessGuest(program, tensor_interface(), Limits())
    guest.call("start", [2, 4, 6, 2, 1, 2])
    answer: Any = guest.call("plan", LOAD)  # type: ignore[arg-type]  # the guest's runtime makes an array of it
    slots: list[list[int]] = answer.tolist()
    return slots


@pytest.mark.usefixtures("torch")
def test_a_program_with_the_tensor_interface_runs_as_it_is() -> None:
    program = Program.from_text(PUBLISHED)
    assert check(program, tensor_interface()) is None
    assert planned(program) == WANTED


@pytest.mark.usefixtures("torch")
def test_a_program_with_the_usual_interface_runs_beside_it() -> None:
    program = FOLDER.program("baselines/lpt.py")
    assert check(program, tensor_interface()) is None
    assert sorted(set(planned(program)[0])) == [0, 1, 2, 3]


def test_without_torch_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("thekla.problems.expert_placement.tensors.distribution", absent)
    with pytest.raises(MissingExtraError, match=r'needs torch.*pip install "thekla\[tensors\]"'):
        build("tensors")


def test_wheels_are_those_that_a_distribution_needs_without_its_extras() -> None:
    assert installed_with("numpy") == ("numpy",)
    assert {"hypothesis", "sortedcontainers"} <= set(installed_with("Hypothesis"))
    assert "numpy" not in installed_with("hypothesis")
    assert installed_with("no such distribution") == ()


@pytest.mark.slow
def test_with_torch_it_scores_as_the_same_rules_on_arrays() -> None:
    try:
        distribution("torch")
    except PackageNotFoundError:
        pytest.skip("PyTorch is not here")
    package = build("tensors")
    assert "torch" in torch_wheels()
    in_order = (
        "import torch\n\n\ndef rebalance_experts(weight, num_replicas, *sizes):\n"
        "    layers, experts = weight.shape\n"
        "    first = torch.arange(experts).expand(layers, experts)\n"
        "    more = torch.argsort(-weight, dim=-1, stable=True)[:, : num_replicas - experts]\n"
        "    return torch.cat([first, more], dim=-1), None, None\n"
    )
    (only,) = package.problem.instances[Split.TRAIN]
    scores = []
    for program in (Program.from_text(in_order), package.problem.seeds[0]):
        guest = TrustedSandbox().open(program, package.problem.interface, package.limits)
        scores.append(package.referee.judge(guest, only, seed=0).scores)
        guest.close()
    assert scores[0] == scores[1]
