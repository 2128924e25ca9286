"""What a placement policy defines and sees: the typed interface and its vocabulary. Units are types."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

from thekla.core.problem import Field, Function, Interface, Method, Parameter, RecordType, Vocabulary
from thekla.problems.modules import COMPUTING
from thekla.problems.vocabulary import expression, statement

__all__ = ["VOCABULARY", "interface"]

_SHARD = (Parameter(name="shard", type="Shard"),)

_TYPES = (
    RecordType(
        name="Gpu",
        doc="A GPU and what lies on it; `add` and `remove` keep its numbers up to date.",
        fields=(
            Field(name="index", type="count", doc="Its number, from 0."),
            Field(name="node", type="count", doc="The machine that it is in."),
            Field(name="memory_gb", type="gb", doc="Memory in all."),
            Field(name="free_gb", type="gb", doc="Memory that its shards leave free."),
            Field(name="load", type="load", doc="Loads of its shards."),
            Field(name="pressure", type="pressure", doc="Load over free memory; 1e9 without free memory."),
            Field(name="shards", type="list[Shard]", doc="What lies on it."),
        ),
        methods=(
            Method(name="fits", parameters=_SHARD, result="bool", doc="Whether the shard may be added now."),
            Method(name="pressure_with", parameters=_SHARD, result="pressure", doc="Its pressure if it had the shard."),
            Method(
                name="pressure_without",
                parameters=_SHARD,
                result="pressure",
                doc="Its pressure if it had not the shard, which lies on it.",
            ),
            Method(name="add", parameters=_SHARD, result="None", doc="Puts a shard here, and away from where it was."),
            Method(name="remove", parameters=_SHARD, result="None", doc="Takes a shard away."),
        ),
    ),
    RecordType(
        name="Shard",
        doc="A whole model, or an equal part of one that several GPUs of a node serve together.",
        fields=(
            Field(name="index", type="count", doc="Its number, from 0."),
            Field(name="model", type="ModelId", doc="Shards of one model have equal numbers."),
            Field(name="size_gb", type="gb", doc="Memory of its weights."),
            Field(name="rate", type="rate", doc="Requests per second."),
            Field(name="slo_s", type="seconds", doc="Latency objective."),
            Field(name="load", type="load", doc="Rate over latency objective."),
            Field(name="parts", type="list[Shard]", doc="All shards of its model, itself included."),
            Field(name="gpu", type="Gpu | None", doc="Where `add` has put it in this call; None if nowhere."),
            Field(name="before", type="Gpu | None", doc="Where it was in the epoch before; None in the first."),
        ),
    ),
)


@lru_cache(maxsize=1)
def interface() -> Interface:
    """The typed interface, with the source that makes GPUs and shards in a guest."""
    return Interface(
        functions=(
            Function(
                name="place",
                parameters=(Parameter(name="gpus", type="list[Gpu]"), Parameter(name="shards", type="list[Shard]")),
                result="list[count] | None",
                doc="Puts every shard on a GPU, by `gpu.add(shard)` or by returning the number of a GPU for each.",
            ),
        ),
        types=_TYPES,
        numbers=("int", "float", "count", "gb", "load", "pressure", "rate", "seconds", "number"),
        guest_source=files(__package__).joinpath("guest.py").read_text(encoding="utf-8"),
        wheels=("numpy",),
        modules=(*COMPUTING, "numpy"),
    )


VOCABULARY = Vocabulary(
    blocks=(
        # What can be observed.
        expression("size", "gb", "{shard: Shard}.size_gb", "Memory of a shard."),
        expression("load", "load", "{shard: Shard}.load", "Load of a shard."),
        expression("load per size", "number", "{shard: Shard}.load / {shard: Shard}.size_gb", "Load per GB."),
        expression(
            "size and load",
            "number",
            "{shard: Shard}.size_gb + {weight: number} * {shard: Shard}.load",
            "Memory plus what its load is worth in memory.",
        ),
        expression("free memory", "gb", "{gpu: Gpu}.free_gb", "Memory that is left."),
        expression("load of a GPU", "load", "{gpu: Gpu}.load", "Load of what lies on it."),
        expression("pressure", "pressure", "{gpu: Gpu}.pressure", "Load over free memory."),
        expression("pressure after", "pressure", "{gpu: Gpu}.pressure_with({shard: Shard})", "If it had the shard."),
        expression("pressure before", "pressure", "{gpu: Gpu}.pressure_without({shard: Shard})", "If it had it not."),
        expression("shards on a GPU", "count", "len({gpu: Gpu}.shards)", "How many lie on it."),
        expression(
            "shortfall",
            "number",
            "{gpu: Gpu}.load + {shard: Shard}.load "
            "- {target: pressure} * ({gpu: Gpu}.free_gb - {shard: Shard}.size_gb)",
            "By how much a GPU with the shard would exceed a pressure; negative is room.",
        ),
        expression("stays", "bool", "{shard: Shard}.before is {gpu: Gpu}", "Whether the shard was there before."),
        expression("total load", "load", "sum(each.load for each in {shards: list[Shard]})", "Of many shards."),
        expression("total size", "gb", "sum(each.size_gb for each in {shards: list[Shard]})", "Of many shards."),
        # Choices.
        expression(
            "room for a shard",
            "list[Gpu]",
            "[each for each in {gpus: list[Gpu]} if each.fits({shard: Shard})]",
            "GPUs on which a shard may lie.",
        ),
        expression("least GPU", "Gpu", "min({gpus: list[Gpu]}, key=lambda each: {key: number})", "By a number."),
        expression("most pressed", "Gpu", "max({gpus: list[Gpu]}, key=lambda each: each.pressure)", "The worst GPU."),
        expression("least pressed", "Gpu", "min({gpus: list[Gpu]}, key=lambda each: each.pressure)", "The best GPU."),
        expression("largest shard", "Shard", "max({shards: list[Shard]}, key=lambda each: {key: number})", "By one."),
        # Orders and moves.
        statement("sort", "{shards: list[Shard]}.sort(key=lambda each: {key: number})", "Place by a number."),
        statement(
            "sort by two keys",
            "{shards: list[Shard]}.sort(key=lambda each: ({first: number}, {second: number}))",
            "Place by a number, equal ones by another.",
        ),
        statement("put", "{gpu: Gpu}.add({shard: Shard})", "Put a shard on a GPU."),
        statement(
            "move if better",
            "if {gpu: Gpu}.fits({shard: Shard}) and {gpu: Gpu}.pressure_with({shard: Shard}) < {limit: pressure}:\n"
            "    {gpu: Gpu}.add({shard: Shard})",
            "Move a shard to where the pressure stays below a limit.",
        ),
        statement(
            "relieve",
            "for each in list({gpu: Gpu}.shards):\n"
            "    if {other: Gpu}.fits(each) and {other: Gpu}.pressure_with(each) < {gpu: Gpu}.pressure:\n"
            "        {other: Gpu}.add(each)",
            "Move what may go from one GPU to another that stays less pressed.",
        ),
        statement("skip what does not fit", "if not {gpu: Gpu}.fits({shard: Shard}):\n    continue", "Guard."),
        statement("end a loop", "if {value: pressure} >= {limit: pressure}:\n    break", "Stop at a limit."),
    )
)
"""Building blocks for generators without a model: what can be observed and done, and small idioms; no policy."""
