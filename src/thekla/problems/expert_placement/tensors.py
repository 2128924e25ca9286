"""Programs with the published tensor interface, `rebalance_experts(weight, slots, groups, nodes, gpus)`, as they are.

The guest gets PyTorch beside numpy, and a few lines that call such a program with a tensor and keep the slot map of its
answer. Nothing else of the answer is used: replica counts and reverse tables follow from the map.
"""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, distribution

from thekla.core.errors import MissingExtraError

__all__ = ["TENSOR_SOURCE", "torch_wheels"]

TENSOR_SOURCE = '''

_connect_plain = connect


def connect(namespace):
    """The two functions that the host calls, for a program of either interface."""
    rebalance = namespace.get("rebalance_experts")
    if rebalance is None:
        return _connect_plain(namespace)
    import torch

    def plan(s, load):
        return rebalance(torch.from_numpy(load), s.slots, s.groups, s.nodes, s.gpus)[0]

    return _connect_plain({**namespace, "plan": plan})
'''
"""What a guest runs after its usual source."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def torch_wheels() -> tuple[str, ...]:
    """PyTorch and all installed distributions that it needs, numpy included, by name.

    Raises:
        MissingExtraError: PyTorch is not installed.
    """
    try:
        distribution("torch")
    except PackageNotFoundError as error:
        raise MissingExtraError("suite 'tensors' of expert-placement", extra="tensors", package="torch") from error
    return installed_with("torch", "numpy")


def installed_with(*names: str) -> tuple[str, ...]:
    """The named distributions and what they need, without extras; what is not installed is left out."""
    found: set[str] = set()
    left = list(names)
    while left:
        name = re.sub(r"[-_.]+", "-", left.pop()).lower()
        try:
            needed = distribution(name).requires or []
        except PackageNotFoundError:  # for another platform
            continue
        if name not in found:
            found.add(name)
            left += [match[0] for each in needed if "extra ==" not in each and (match := _NAME.match(each))]
    return tuple(sorted(found))
