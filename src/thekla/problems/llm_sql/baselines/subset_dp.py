"""The best single field order for a cache without limit, by dynamic programming over sets of fields.

What is read of a field that follows others is its length over the distinct combinations of all of them. That does not
depend on the order of the others, so the best order of a set extends the best order of the set less its last field.
Rows are sorted by the fields in that order.
"""

import numpy as np

MOST_FIELDS = 12  # beyond them the fields with most distinct values go last, by falling repeated length
LARGEST_TABLE = 4_000_000  # numbers of possible groups that are looked up; beyond it they are sorted


def reorder(table):
    return reordered(table.fields)


def reordered(fields):
    """The rows that some fields have, sorted by the best order of the fields, and that order."""
    ranked = sorted(fields, key=lambda field: field.distinct)
    order = best_order(ranked[:MOST_FIELDS])
    order += sorted(ranked[MOST_FIELDS:], key=lambda field: -field.repeated_length)
    codes = np.array([field.codes for field in order])
    return np.lexsort(codes[::-1]), [field.position for field in order]


def best_order(fields):
    """The fields in the order that reads least."""
    codes = np.array([field.codes for field in fields])
    lengths = np.array([np.array(field.lengths)[own] for field, own in zip(fields, codes, strict=True)])
    singles = [1 << number for number in range(len(fields))]
    cost, last = {0: 0}, {}
    groups = {0: (1, np.zeros(codes.shape[1], dtype=np.int64))}
    for size in range(1, len(fields) + 1):
        wider = {}
        for members in [mask for mask in range(1 << len(fields)) if mask.bit_count() == size]:
            inside = [number for number, single in enumerate(singles) if members & single]
            # The field with the fewest values refines the groups of the others.
            first, wider[members] = refined(*groups[members ^ singles[inside[0]]], codes[inside[0]], fields[inside[0]])
            ways = {one: cost[members ^ singles[one]] + int(lengths[one][first].sum()) for one in inside}
            last[members] = min(ways, key=ways.get)
            cost[members] = ways[last[members]]
        groups = wider
    order, members = [], (1 << len(fields)) - 1
    while members:
        order.append(fields[last[members]])
        members ^= singles[last[members]]
    return order[::-1]


def refined(count, numbers, codes, field):
    """A row of each group of rows that agree in one more field, and those groups."""
    if count == len(numbers):
        return slice(None), (count, numbers)
    keys = numbers * field.distinct + codes
    span = count * field.distinct
    if span > LARGEST_TABLE:
        _, first, finer = np.unique(keys, return_index=True, return_inverse=True)
        return first, (len(first), finer)
    row_of = np.full(span, -1, dtype=np.int64)
    row_of[keys] = np.arange(len(keys))
    found = np.flatnonzero(row_of >= 0)
    number_of = np.empty(span, dtype=np.int64)
    number_of[found] = np.arange(len(found))
    return row_of[found], (len(found), number_of[keys])
