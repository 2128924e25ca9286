"""What an online policy defines and sees: the typed interface and its vocabulary."""

from __future__ import annotations

from functools import lru_cache

from thekla.core.problem import Field, Function, Interface, Method, Parameter, RecordType, Vocabulary
from thekla.problems.modules import COMPUTING
from thekla.problems.transactions_offline.interface import OPERATION, TRANSACTION
from thekla.problems.vocabulary import expression, statement
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
        modules=COMPUTING,
    )


VOCABULARY = Vocabulary(
    blocks=(
        # What can be observed.
        expression("length", "slots", "{txn: Transaction}.length", "Slots that a transaction takes."),
        expression("operations", "count", "len({txn: Transaction}.operations)", "How often it accesses data."),
        expression(
            "writes",
            "count",
            "sum(each.is_write for each in {txn: Transaction}.operations)",
            "How often a transaction writes.",
        ),
        expression(
            "sharers",
            "count",
            "sum(one.key == two.key for other in {window: list[Transaction]} for one in other.operations "
            "for two in {txn: Transaction}.operations)",
            "Accesses in the window to the keys of a transaction.",
        ),
        expression("start", "slots", "{s: Scheduler}.probe({txn: Transaction})", "Where it would start; a probe."),
        expression(
            "end",
            "slots",
            "{s: Scheduler}.probe({txn: Transaction}) + {txn: Transaction}.length",
            "Where it would end; a probe.",
        ),
        expression(
            "makespan after",
            "slots",
            "max({s: Scheduler}.makespan, {s: Scheduler}.probe({txn: Transaction}) + {txn: Transaction}.length - 1)",
            "The makespan if it came next; a probe.",
        ),
        expression("makespan so far", "slots", "{s: Scheduler}.makespan", "The last slot in use."),
        expression("waiting", "count", "len({window: list[Transaction]})", "How many wait."),
        # Choices.
        expression(
            "oldest", "list[Transaction]", "{window: list[Transaction]}[:{count: count}]", "The oldest so many."
        ),
        expression(
            "least of all",
            "Transaction",
            "min({window: list[Transaction]}, key=lambda item: {key: number})",
            "The transaction for which a number is least.",
        ),
        expression(
            "least, then least",
            "Transaction",
            "min({window: list[Transaction]}, key=lambda item: ({first: number}, {second: number}))",
            "The transaction for which a number is least, equal ones by another.",
        ),
        statement("sort", "{window: list[Transaction]}.sort(key=lambda item: {key: number})", "By a number."),
        statement("reverse", "{window: list[Transaction]}.reverse()", "Youngest first."),
    )
)
"""Building blocks for generators without a model: what can be observed and small idioms; no policy."""
