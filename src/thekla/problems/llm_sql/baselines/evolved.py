"""The ideas of the published evolved variant of GGR, in our own words.

Nothing is counted by value: the score of a field in a piece (squared mean length times repetitions) comes from one
sort. The recursion over values is gone; the table is cut into pieces of at most 400 rows, each in a fixed order of its
own. Then each row begins with as much of the row before it as it holds itself, whatever the order of its piece.
"""

import numpy as np

LARGEST_PIECE = 400  # rows
DISTINCT_SHARE = 0.7  # fields with more distinct values than this share of the rows go last


def reorder(table):
    codes = np.array([field.codes for field in table.fields])
    lengths = np.array([np.array(field.lengths)[own] for field, own in zip(table.fields, codes, strict=True)])
    unique = np.array([field.distinct > DISTINCT_SHARE * table.rows for field in table.fields])
    found, orders = [], []
    before = None
    for piece, order in pieces(codes, lengths, unique):
        for row, own in zip(piece.tolist(), codes[:, piece].T.tolist(), strict=True):
            own_order = continued(before, own, order)
            before = (own, own_order)
            found.append(row)
            orders.append(own_order)
    return found, orders


def pieces(codes, lengths, unique):
    """The table in its fixed order, cut into pieces, each sorted by an order of its own."""
    whole = np.arange(codes.shape[1])
    order = ordered(codes, lengths, unique)
    whole = whole[np.lexsort(codes[order[::-1]])]
    for piece in np.array_split(whole, -(-len(whole) // LARGEST_PIECE)):
        order = ordered(codes[:, piece], lengths[:, piece], unique)
        yield piece[np.lexsort(codes[order[::-1]][:, piece])], order.tolist()


def ordered(codes, lengths, unique):
    """Fields by falling score, those that are nearly unique in the whole table after the others."""
    sequence = np.sort(codes, axis=1)
    distinct = 1 + (sequence[:, 1:] != sequence[:, :-1]).sum(axis=1)
    scores = lengths.mean(axis=1) ** 2 * (codes.shape[1] / distinct - 1)
    return np.lexsort((-scores, unique))


def continued(before, own, order):
    """The fields that the row before begins with and that are equal here, then the others."""
    if before is None:
        return order
    values, fields = before
    shared = 0
    while shared < len(fields) and values[fields[shared]] == own[fields[shared]]:
        shared += 1
    first = fields[:shared]
    return first + [field for field in order if field not in first]
