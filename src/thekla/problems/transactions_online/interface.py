"""What an online policy defines and sees: the typed interface and its vocabulary."""

from __future__ import annotations

from functools import lru_cache

from thekla.core.problem import Block, Field, Function, Interface, Method, Parameter, RecordType, Vocabulary
from thekla.problems.transactions_offline.interface import OPERATION, TRANSACTION
from thekla.simulators.transactions import online_guest_source

__all__ = ["VOCABULARY", "interface"]

_CONNECT = '''

def names():
    """Nothing: all that a policy needs is reached through its arguments."""
    return {}


def connect(namespace):
    """The functions that the host calls."""
    session = PolicySession(namespace, ask)
    return {"start": session.start, "pick": session.pick}
'''

_SCHEDULER = RecordType(
    name="Scheduler",
    doc="The argument `s`; a policy keeps its own state in further attributes of it.",
    fields=(
        Field(name="window", type="list[Transaction]", doc="Transactions that wait, oldest first."),
        Field(name="makespan", type="slots", doc="The last slot in use so far."),
        Field(name="placed", type="count", doc="How many are committed."),
        Field(name="last_start", type="slots", doc="Where the one committed last started; 0 at first."),
        Field(name="probes_left", type="count", doc="Probes that may still be used; ten more come with each pick."),
    ),
    methods=(
        Method(
            name="probe",
            parameters=(Parameter(name="transaction", type="Transaction"),),
            result="slots",
            doc="The slot in which a waiting transaction would start if it came next and were as announced.",
        ),
        Method(
            name="probes",
            parameters=(Parameter(name="transactions", type="list[Transaction]"),),
            result="list[slots]",
            doc="A probe of each, in one call.",
        ),
    ),
)

_S = Parameter(name="s", type="Scheduler")


@lru_cache(maxsize=1)
def interface() -> Interface:
    """The typed interface, with the policy's side of the wire for the guest."""
    return Interface(
        functions=(
            Function(
                name="init", parameters=(_S,), result="None", doc="Called once, before any arrival.", required=False
            ),
            Function(
                name="arrive",
                parameters=(_S, Parameter(name="transaction", type="Transaction")),
                result="None",
                doc="Called for each arrival; it is in the window already.",
                required=False,
            ),
            Function(
                name="pick",
                parameters=(_S, Parameter(name="window", type="list[Transaction]")),
                result="Transaction",
                doc="The waiting transaction that is committed next.",
            ),
        ),
        types=(_SCHEDULER, TRANSACTION, OPERATION),
        numbers=("int", "float", "count", "slots", "number"),
        guest_source=online_guest_source() + _CONNECT,
    )


def _expression(name: str, type: str, text: str, doc: str) -> Block:
    return Block(name=name, kind="expression", type=type, text=text, doc=doc)


def _statement(name: str, text: str, doc: str) -> Block:
    return Block(name=name, kind="statement", type="", text=text, doc=doc)


VOCABULARY = Vocabulary(
    blocks=(
        # What can be observed.
        _expression("length", "slots", "{txn: Transaction}.length", "Slots that a transaction takes."),
        _expression("operations", "count", "len({txn: Transaction}.operations)", "How often it accesses data."),
        _expression(
            "writes",
            "count",
            "sum(each.is_write for each in {txn: Transaction}.operations)",
            "How often a transaction writes.",
        ),
        _expression(
            "sharers",
            "count",
            "sum(one.key == two.key for other in {window: list[Transaction]} for one in other.operations "
            "for two in {txn: Transaction}.operations)",
            "Accesses in the window to the keys of a transaction.",
        ),
        _expression("start", "slots", "{s: Scheduler}.probe({txn: Transaction})", "Where it would start; a probe."),
        _expression(
            "end",
            "slots",
            "{s: Scheduler}.probe({txn: Transaction}) + {txn: Transaction}.length",
            "Where it would end; a probe.",
        ),
        _expression(
            "makespan after",
            "slots",
            "max({s: Scheduler}.makespan, {s: Scheduler}.probe({txn: Transaction}) + {txn: Transaction}.length - 1)",
            "The makespan if it came next; a probe.",
        ),
        _expression("makespan so far", "slots", "{s: Scheduler}.makespan", "The last slot in use."),
        _expression("waiting", "count", "len({window: list[Transaction]})", "How many wait."),
        # Choices.
        _expression(
            "oldest", "list[Transaction]", "{window: list[Transaction]}[:{count: count}]", "The oldest so many."
        ),
        _expression(
            "least of all",
            "Transaction",
            "min({window: list[Transaction]}, key=lambda item: {key: number})",
            "The transaction for which a number is least.",
        ),
        _expression(
            "least, then least",
            "Transaction",
            "min({window: list[Transaction]}, key=lambda item: ({first: number}, {second: number}))",
            "The transaction for which a number is least, equal ones by another.",
        ),
        _statement("sort", "{window: list[Transaction]}.sort(key=lambda item: {key: number})", "By a number."),
        _statement("reverse", "{window: list[Transaction]}.reverse()", "Youngest first."),
    )
)
"""Building blocks for generators without a model: what can be observed and small idioms; no policy."""
