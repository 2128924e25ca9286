"""What a program for ordering transactions defines and sees: the typed interface and its vocabulary.

Slots are a type of their own, so that a makespan is not taken for a count of transactions.
"""

from __future__ import annotations

from functools import lru_cache

from thekla.core.problem import Field, Function, Interface, Method, Parameter, RecordType, Vocabulary
from thekla.problems.modules import COMPUTING
from thekla.problems.vocabulary import expression, statement
from thekla.simulators.transactions import guest_source

__all__ = ["OPERATION", "SCHEDULE", "TRANSACTION", "VOCABULARY", "interface"]

_CONNECT = '''

def names():
    """Nothing: all that a program needs is reached through its argument."""
    return {}


def connect(namespace):
    """The function that the host calls."""

    def schedule(message):
        workload = Workload(
            Transaction(id, length, tuple(Operation(*each) for each in operations), type)
            for id, (type, length, operations) in enumerate(message)
        )
        return [int(getattr(each, "id", each)) for each in namespace["schedule"](workload)]

    return {"schedule": schedule}
'''

OPERATION = RecordType(
    name="Operation",
    doc="An access to one key in one slot of its transaction.",
    fields=(
        Field(name="key", type="Key", doc="What is accessed."),
        Field(name="position", type="slots", doc="In which slot of the transaction, from 1."),
        Field(name="is_write", type="bool", doc="Whether it writes; else it reads."),
    ),
)

TRANSACTION = RecordType(
    name="Transaction",
    doc="Operations at fixed positions of a stretch of slots. Immutable.",
    fields=(
        Field(name="id", type="TransactionId", doc="Its number, from 0."),
        Field(name="length", type="slots", doc="Slots that it takes."),
        Field(name="operations", type="list[Operation]", doc="By position (a tuple)."),
        Field(name="type", type="str", doc="What the application calls it, as in `payment`; may be empty."),
    ),
)

SCHEDULE = RecordType(
    name="Schedule",
    doc="Transactions placed so far; placing and probing take time linear in the operations of one transaction.",
    fields=(
        Field(name="sequence", type="list[Transaction]", doc="Those placed, in their order."),
        Field(name="makespan", type="slots", doc="The last slot in use."),
    ),
    methods=(
        Method(
            name="start",
            parameters=(Parameter(name="transaction", type="Transaction"),),
            result="slots",
            doc="The slot in which it would start if it came next.",
        ),
        Method(
            name="probe",
            parameters=(Parameter(name="transaction", type="Transaction"),),
            result="slots",
            doc="The makespan if it came next.",
        ),
        Method(
            name="append",
            parameters=(Parameter(name="transaction", type="Transaction"),),
            result="slots",
            doc="Places it next; gives the slot in which it starts.",
        ),
        Method(name="copy", parameters=(), result="Schedule", doc="An independent copy."),
    ),
)

_SEQUENCE = Parameter(name="sequence", type="list[Transaction]")

_WORKLOAD = RecordType(
    name="Workload",
    doc="The transactions, and what orders of them cost.",
    fields=(
        Field(name="transactions", type="list[Transaction]", doc="By id (a tuple)."),
        Field(name="delays", type="Matrix", doc="`delays[i, j]`: least slots from start to start if i comes first."),
        Field(name="lengths", type="Vector", doc="Length by id."),
    ),
    methods=(
        Method(name="schedule", parameters=(), result="Schedule", doc="An empty schedule."),
        Method(name="cost", parameters=(_SEQUENCE,), result="slots", doc="The makespan of an order."),
        Method(name="starts", parameters=(_SEQUENCE,), result="list[slots]", doc="The starts along an order."),
        Method(
            name="insertion_costs",
            parameters=(_SEQUENCE, Parameter(name="transaction", type="Transaction")),
            result="list[slots]",
            doc="The makespans with one more transaction at place 0, 1, ... or last; about twice the work of `cost`.",
        ),
        Method(
            name="costs",
            parameters=(Parameter(name="sequences", type="Matrix"),),
            result="Vector",
            doc="Makespans of many orders of ids, one per row of a numpy array.",
        ),
        Method(
            name="move_costs",
            parameters=(Parameter(name="sequences", type="Matrix"), Parameter(name="places", type="Vector")),
            result="tuple[Matrix, Matrix, Matrix]",
            doc="For orders in columns and one place in each: makespans with that transaction at every place.",
        ),
    ),
)


@lru_cache(maxsize=1)
def interface() -> Interface:
    """The typed interface, with the kernel's source for the guest."""
    return Interface(
        functions=(
            Function(
                name="schedule",
                parameters=(Parameter(name="workload", type="Workload"),),
                result="list[Transaction]",
                doc="All transactions of the workload in the order in which they are placed.",
            ),
        ),
        types=(_WORKLOAD, SCHEDULE, TRANSACTION, OPERATION),
        numbers=("int", "float", "count", "slots", "number"),
        guest_source=guest_source() + _CONNECT,
        wheels=("numpy",),
        modules=(*COMPUTING, "numpy"),
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
            "last write",
            "slots",
            "max((each.position for each in {txn: Transaction}.operations if each.is_write), default=0)",
            "The last position that writes.",
        ),
        expression(
            "first access",
            "slots",
            "min((each.position for each in {txn: Transaction}.operations), default=0)",
            "The first position that accesses data.",
        ),
        expression("makespan so far", "slots", "{schedule: Schedule}.makespan", "The last slot in use."),
        expression("makespan after", "slots", "{schedule: Schedule}.probe({txn: Transaction})", "If it came next."),
        expression("start", "slots", "{schedule: Schedule}.start({txn: Transaction})", "Where it would start."),
        expression(
            "end",
            "slots",
            "{schedule: Schedule}.start({txn: Transaction}) + {txn: Transaction}.length",
            "Where it would end.",
        ),
        expression("cost", "slots", "{workload: Workload}.cost({order: list[Transaction]})", "The makespan."),
        expression("left", "count", "len({left: list[Transaction]})", "How many transactions are in a list."),
        # Choices.
        expression(
            "least of all",
            "Transaction",
            "min({left: list[Transaction]}, key=lambda item: {key: number})",
            "The transaction for which a number is least.",
        ),
        expression(
            "least, then least",
            "Transaction",
            "min({left: list[Transaction]}, key=lambda item: ({first: number}, {second: number}))",
            "The transaction for which a number is least, equal ones by another.",
        ),
        expression(
            "some of them",
            "list[Transaction]",
            "{left: list[Transaction]}[:{count: count}]",
            "The first so many of a list.",
        ),
        expression(
            "cheapest place",
            "int",
            "min(enumerate({workload: Workload}.insertion_costs({order: list[Transaction]}, {txn: Transaction})), "
            "key=lambda pair: pair[1])[0]",
            "Where one more transaction costs least.",
        ),
        # Orders.
        statement("sort", "{left: list[Transaction]}.sort(key=lambda item: {key: number})", "By a number."),
        statement(
            "sort by two",
            "{left: list[Transaction]}.sort(key=lambda item: ({first: number}, {second: number}))",
            "By a number, equal ones by another.",
        ),
        statement("reverse", "{order: list[Transaction]}.reverse()", "Turn a list around."),
        statement(
            "insert",
            "{order: list[Transaction]}.insert({place: int}, {txn: Transaction})",
            "Put a transaction at a place of an order.",
        ),
        statement("place next", "{schedule: Schedule}.append({txn: Transaction})", "Place a transaction."),
    )
)
"""Building blocks for generators without a model: what can be observed and small idioms; no whole algorithm."""
