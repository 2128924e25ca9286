"""Generators of five families of transactions, after the benchmarks that they are named for.

They keep what decides a schedule (how many operations, at which positions, on how hot keys) and nothing else. Key
popularity is Zipf's: the k-th most popular of m keys is drawn with weight k**-s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from random import Random
from types import MappingProxyType

from .views import Operation, Transaction, Workload

__all__ = ["FAMILIES", "generate"]

_Draw = Callable[[], tuple[str, int, list[tuple[str, str, int]]]]
"""Draws a transaction: type, length, and its operations as (r or w, key, position)."""


def generate(family: str, count: int, rng: Random) -> Workload:
    """`count` transactions of a family; equal states of `rng` give equal workloads.

    Raises:
        KeyError: There is no such family.
    """
    draw = FAMILIES[family](rng)
    transactions = []
    for number in range(count):
        type_, length, operations = draw()
        transactions.append(
            Transaction(
                id=number,
                length=length,
                operations=tuple(Operation(key, position, kind == "w") for kind, key, position in operations),
                type=type_,
            )
        )
    return Workload(transactions)


def _tpcc(rng: Random) -> _Draw:
    """New orders (21 slots) and payments (5 slots), half each, over 1 to 8 warehouses with 10 districts each."""
    warehouses = rng.randint(1, 8)

    def draw() -> tuple[str, int, list[tuple[str, str, int]]]:
        warehouse = rng.randrange(warehouses)
        district = f"d{warehouse}.{rng.randrange(10)}"
        if rng.random() < 0.5:
            return "new-order", 21, [("r", f"w{warehouse}", 1), ("r", district, 2), ("w", district, 3)]
        return (
            "payment",
            5,
            [
                ("r", f"w{warehouse}", 1),
                ("w", f"w{warehouse}", 2),
                ("r", district, 3),
                ("w", district, 4),
            ],
        )

    return draw


def _smallbank(rng: Random) -> _Draw:
    """Nine slots on two accounts, 9 of 10 from a hot set of 5 to 10, the others from 100.

    As in the third public workload, a transaction reads one account and in the end writes another; one in seven only
    reads two. Had they read what they write, they would run one after another on each account, and any order would do.
    """
    hot = rng.randint(5, 10)

    def account() -> str:
        return f"h{rng.randrange(hot)}" if rng.random() < 0.9 else f"c{rng.randrange(100)}"

    def draw() -> tuple[str, int, list[tuple[str, str, int]]]:
        one, other = account(), account()
        while other == one:
            other = account()
        if rng.random() < 1 / 7:
            return "balance", 9, [("r", one, 1), ("r", other, 2)]
        return "transfer", 9, [("r", one, 1), ("w", other, 9)]

    return draw


def _ycsb(rng: Random) -> _Draw:
    """Sixteen keys in any order, half of them written; 200 to 1,000 keys, Zipf 0.9 to 1.2."""
    keys, exponent = rng.randint(200, 1000), rng.uniform(0.9, 1.2)
    weights = _zipf(keys, exponent)

    def draw() -> tuple[str, int, list[tuple[str, str, int]]]:
        return "update", 16, _mixed(_distinct(weights, 16, rng), 0.5, rng)

    return draw


def _taobench(rng: Random) -> _Draw:
    """Sixteen keys in the order of their shards, 55 % written; 1,000 keys, Zipf 1.1, like the first public case."""
    weights = _zipf(1000, 1.1)
    shards = rng.sample(range(1000), 1000)

    def draw() -> tuple[str, int, list[tuple[str, str, int]]]:
        keys = sorted(_distinct(weights, 16, rng), key=shards.__getitem__)
        return "association", 16, _mixed(keys, 0.55, rng)

    return draw


def _epinions(rng: Random) -> _Draw:
    """Four to ten reviews of 200 to 400 items, a fifth of them written, Zipf 1.0."""
    weights = _zipf(rng.randint(200, 400), 1.0)

    def draw() -> tuple[str, int, list[tuple[str, str, int]]]:
        count = rng.randint(4, 10)
        operations = _mixed(_distinct(weights, count, rng), 0.2, rng)
        return "update" if any(kind == "w" for kind, _, _ in operations) else "browse", count, operations

    return draw


FAMILIES: Mapping[str, Callable[[Random], _Draw]] = MappingProxyType(
    {"epinions": _epinions, "smallbank": _smallbank, "taobench": _taobench, "tpcc": _tpcc, "ycsb": _ycsb}
)
"""The families: each draws its own parameters, then one transaction per call."""


def _zipf(keys: int, exponent: float) -> list[float]:
    """Cumulative weights by popularity."""
    return list(accumulate((rank + 1) ** -exponent for rank in range(keys)))


def _distinct(cumulative: Sequence[float], count: int, rng: Random) -> list[int]:
    """`count` different keys, each drawn with its weight until it is new."""
    drawn: dict[int, None] = {}
    while len(drawn) < count:
        drawn[rng.choices(range(len(cumulative)), cum_weights=cumulative)[0]] = None
    return list(drawn)


def _mixed(keys: Sequence[int], written: float, rng: Random) -> list[tuple[str, str, int]]:
    """One operation per key and slot, each a write with probability `written`."""
    return [("w" if rng.random() < written else "r", str(key), position) for position, key in enumerate(keys, start=1)]
