"""Transactions in an order that a scheduler gives them: what an order costs, its bounds, and workloads to order.

The model and the kernel are in `views`; `makespan` is the definition, one operation at a time.
"""

from importlib.resources import files

from .bounds import clique_bound, makespan_bound, slot_bound, solver_bound
from .definition import makespan, start_slots
from .families import FAMILIES, generate
from .texts import parse_workload, workload_texts
from .views import Operation, Schedule, Transaction, Workload

__all__ = [
    "FAMILIES",
    "Operation",
    "Schedule",
    "Transaction",
    "Workload",
    "clique_bound",
    "generate",
    "guest_source",
    "makespan",
    "makespan_bound",
    "parse_workload",
    "slot_bound",
    "solver_bound",
    "start_slots",
    "workload_texts",
]


def guest_source() -> str:
    """The text of `views`, which a guest needs to run a program of these problems."""
    return files(__package__).joinpath("views.py").read_text(encoding="utf-8")
