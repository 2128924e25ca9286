"""Workloads of every shape for the properties, small enough to be searched."""

from hypothesis import strategies as st

from thekla.simulators.transactions import Operation, Transaction, Workload

OPERATIONS = st.lists(st.tuples(st.sampled_from("abcd"), st.booleans(), st.integers(0, 2)), min_size=0, max_size=5)


@st.composite
def workloads(draw: st.DrawFn, least: int = 0, most: int = 9) -> Workload:
    """A few transactions over four keys, with stalls, repeated keys and equal transactions."""
    transactions = []
    for number in range(draw(st.integers(least, most))):
        position, operations = 0, []
        for key, is_write, stalls in draw(OPERATIONS):
            position += 1 + stalls
            operations.append(Operation(key=key, position=position, is_write=is_write))
        length = max(1, position + draw(st.integers(0, 3)))
        transactions.append(Transaction(id=number, length=length, operations=tuple(operations)))
    return Workload(transactions)
