"""Transactions in an order that a scheduler gives them: what an order costs, its bounds, and workloads to order.

The model and the kernel are in `views`; `makespan` is the definition, one operation at a time.
"""

from importlib.resources import files

from .bounds import clique_bound, makespan_bound, slot_bound, solver_bound
from .definition import makespan, start_slots
from .families import FAMILIES, generate
from .names import new_names, renamed
from .texts import parse_workload, workload_texts
from .views import Operation, Schedule, Transaction, Workload
from .window import PROBES_PER_PICK, WINDOW, WindowedRun, mispredicted, smf_in_window

__all__ = [
    "FAMILIES",
    "PROBES_PER_PICK",
    "WINDOW",
    "Operation",
    "Schedule",
    "Transaction",
    "WindowedRun",
    "Workload",
    "clique_bound",
    "generate",
    "guest_source",
    "makespan",
    "makespan_bound",
    "mispredicted",
    "new_names",
    "online_guest_source",
    "parse_workload",
    "renamed",
    "slot_bound",
    "smf_in_window",
    "solver_bound",
    "start_slots",
    "workload_texts",
]

_GUEST_MARK = "# Guest: from here on.\n"


def guest_source() -> str:
    """The text of `views`, which a guest needs to run a program that orders transactions."""
    return _text("views.py")


def online_guest_source() -> str:
    """The texts of `views` and of `window` from its mark on, which a guest needs to run an online policy."""
    return guest_source() + _text("window.py").partition(_GUEST_MARK)[2]


def _text(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
