"""What a balancer of experts defines and sees: the typed interface and its vocabulary. Units are types."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from importlib.resources import files

from thekla.core.problem import Field, Function, Interface, Method, Parameter, RecordType, Vocabulary
from thekla.problems.modules import COMPUTING
from thekla.problems.vocabulary import expression, statement

from .tensors import TENSOR_SOURCE, torch_wheels

__all__ = ["VOCABULARY", "interface", "tensor_interface"]

_BALANCER = RecordType(
    name="Balancer",
    doc="The argument `s`; a program keeps its own state in further attributes of it.",
    fields=(
        Field(name="layers", type="count", doc="Layers with experts."),
        Field(name="experts", type="count", doc="Experts per layer."),
        Field(name="slots", type="count", doc="Slots per layer, on all GPUs together."),
        Field(name="gpus", type="count", doc="GPUs."),
        Field(name="nodes", type="count", doc="Nodes; GPUs are shared evenly, neighbours together."),
        Field(name="groups", type="count", doc="Groups of neighbouring experts, all of one size."),
        Field(name="slots_per_gpu", type="count", doc="Slot i is on GPU i // slots_per_gpu."),
        Field(name="step", type="count", doc="How many plans were made before."),
        Field(name="last", type="SlotMap | None", doc="The plan before this one, as an array; None at first."),
    ),
    methods=(
        Method(
            name="rows",
            parameters=(Parameter(name="load", type="LoadWindow"),),
            result="list[list[tokens]]",
            doc="The window as plain lists: tokens by layer and expert.",
        ),
    ),
)


@lru_cache(maxsize=1)
def interface() -> Interface:
    """The typed interface, with the source that keeps the balancer in a guest."""
    return Interface(
        functions=(
            Function(
                name="init",
                parameters=(Parameter(name="s", type="Balancer"),),
                result="None",
                doc="Called once before the first window.",
                required=False,
            ),
            Function(
                name="plan",
                parameters=(Parameter(name="s", type="Balancer"), Parameter(name="load", type="LoadWindow")),
                result="list[list[count]]",
                doc="The expert in every slot, by layer, for the next window, given the loads of the one that ended.",
            ),
        ),
        types=(
            _BALANCER,
            RecordType(name="LoadWindow", doc="A numpy array of int64: tokens by layer and expert."),
            RecordType(name="SlotMap", doc="A numpy array of integers: the expert in each slot, by layer."),
        ),
        numbers=("int", "float", "count", "tokens", "share", "number"),
        guest_source=files(__package__).joinpath("guest.py").read_text(encoding="utf-8"),
        wheels=("numpy",),
        modules=(*COMPUTING, "numpy"),
    )


_REBALANCE = Function(
    name="rebalance_experts",
    parameters=(
        Parameter(name="weight", type="Tensor"),
        Parameter(name="num_replicas", type="count"),
        Parameter(name="num_groups", type="count"),
        Parameter(name="num_nodes", type="count"),
        Parameter(name="num_gpus", type="count"),
    ),
    result="tuple[Tensor, ...]",
    doc="The expert in every slot, by layer, given the loads of the window that ended; what follows it is not used.",
    required=False,
)


@lru_cache(maxsize=1)
def tensor_interface() -> Interface:
    """The interface of suite `tensors`: a program defines `plan`, or `rebalance_experts` as published.

    Raises:
        MissingExtraError: PyTorch is not installed.
    """
    plain = interface()
    return replace(
        plain,
        functions=(*(replace(each, required=False) for each in plain.functions), _REBALANCE),
        types=(
            *plain.types,
            RecordType(name="Tensor", doc="A tensor of PyTorch; `weight` is int64, by layer and expert."),
        ),
        guest_source=plain.guest_source + TENSOR_SOURCE,
        wheels=torch_wheels(),
        modules=None,  # a published program is run as it is
    )


VOCABULARY = Vocabulary(
    blocks=(
        # What can be observed.
        expression("load of an expert", "tokens", "{loads: list[tokens]}[{expert: count}]", "Tokens of one expert."),
        expression(
            "load per replica",
            "number",
            "{loads: list[tokens]}[{expert: count}] / {copies: list[count]}[{expert: count}]",
            "Tokens of each replica.",
        ),
        expression(
            "load per replica with one more",
            "number",
            "{loads: list[tokens]}[{expert: count}] / ({copies: list[count]}[{expert: count}] + 1)",
            "Tokens of each replica if there were one more.",
        ),
        expression("mean load", "number", "sum({loads: list[tokens]}) / len({loads: list[tokens]})", "Of all."),
        expression("spare slots", "count", "{s: Balancer}.slots - {s: Balancer}.experts", "Slots for more replicas."),
        expression(
            "largest by a number", "count", "max(range({times: count}), key=lambda each: {key: number})", "An index."
        ),
        expression(
            "smallest by a number", "count", "min(range({times: count}), key=lambda each: {key: number})", "An index."
        ),
        expression(
            "emptiest GPU with room",
            "count",
            "min((gpu for gpu in range({s: Balancer}.gpus) if len({on: list[list[count]]}[gpu]) < "
            "{s: Balancer}.slots_per_gpu), key=lambda gpu: {totals: list[number]}[gpu])",
            "The least loaded GPU with a free slot.",
        ),
        expression(
            "back and forth",
            "count",
            "{number: count} % {times: count} if {number: count} // {times: count} % 2 == 0 "
            "else {times: count} - 1 - {number: count} % {times: count}",
            "Numbers that run up, then down again.",
        ),
        # Small idioms.
        statement(
            "sort by load",
            "{experts: list[count]}.sort(key=lambda each: -{loads: list[tokens]}[each])",
            "Most loaded first.",
        ),
        statement("sort by a number", "{experts: list[count]}.sort(key=lambda each: {key: number})", "In its order."),
        statement("one more replica", "{copies: list[count]}[{expert: count}] += 1", "Count a replica."),
        statement(
            "add to a total",
            "{totals: list[number]}[{gpu: count}] += {value: number}",
            "Keep the load of a GPU.",
        ),
        statement("put on a GPU", "{on: list[list[count]]}[{gpu: count}].append({expert: count})", "Use a slot."),
        statement(
            "smooth a load",
            "{smooth: list[number]}[{expert: count}] += {share: share} * "
            "({loads: list[tokens]}[{expert: count}] - {smooth: list[number]}[{expert: count}])",
            "Move an average towards the newest value.",
        ),
    )
)
"""Building blocks for generators without a model: what can be observed and done, and small idioms; no policy."""
