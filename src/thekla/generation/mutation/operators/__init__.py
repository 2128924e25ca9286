"""The edit operators."""

from __future__ import annotations

from collections.abc import Sequence

from thekla.core.problem import Block
from thekla.generation.mutation.edits import Operator
from thekla.generation.mutation.operators.caps import Cap, CapTogether
from thekla.generation.mutation.operators.constants import ChangeConstant, ChangeObservable, ChangeSlice
from thekla.generation.mutation.operators.crossover import Crossover
from thekla.generation.mutation.operators.guards import ChangeCondition, DropGuard, InsertGuard
from thekla.generation.mutation.operators.insertion import InsertBlock
from thekla.generation.mutation.operators.logic import ChangeArithmetic, ChangeBoolean, ChangeComparison
from thekla.generation.mutation.operators.sorting import ChangeSortKey, SelectBest, SortList
from thekla.generation.mutation.operators.structure import Delete, Move, Repeat, Swap, Unwrap, Wrap

__all__ = ["operators_for"]

_INSERTIONS = 4.0  # weight of all blocks together: about as much as two of the strongest other operators


def operators_for(blocks: Sequence[Block]) -> tuple[Operator, ...]:
    """All operators, one per declared block of statements among them, in a fixed order."""
    statements = [block for block in blocks if block.kind == "statement"]
    share = _INSERTIONS / len(statements) if statements else 0.0
    return (
        ChangeConstant(),
        ChangeObservable(),
        ChangeSlice(),
        ChangeComparison(),
        ChangeArithmetic(),
        ChangeBoolean(),
        SortList(),
        ChangeSortKey(),
        SelectBest(),
        Cap(),
        CapTogether(),
        InsertGuard(),
        ChangeCondition(),
        DropGuard(),
        Crossover(),
        Delete(),
        Swap(),
        Move(),
        Wrap(),
        Unwrap(),
        Repeat(),
        *(InsertBlock(block=block, weight=share) for block in statements),
    )
