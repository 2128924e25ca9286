"""Recursive greedy grouping (GGR, Liu et al. 2025), with the settings of the published evaluators.

A table's fixed order is its fields by falling score, the score being the squared mean length times the mean number of
repetitions, and its rows sorted by them. The whole table is put into it and halved until a piece has at most 2000
rows. In a piece the value that promises most, in any field, is put first in all rows that hold it; these rows go on
with what is left of them, the others as they are.
"""

import numpy as np

LARGEST_PIECE = 2000  # rows
EARLY_STOP = 100_000  # of the promise of a value, in squared length
MOST_VALUES_FIRST = 2  # depth of the recursion into rows that hold a chosen value
MOST_VALUES_TRIED = 4  # depth of the recursion into those that do not
DISTINCT_SHARE = 0.7  # fields with more distinct values than this share of the rows go last


def reorder(table):
    ids, lengths = cells(table)
    scores = scored(ids, lengths)
    falling = np.argsort(-scores, kind="stable")
    distinct = np.array([field.distinct for field in table.fields])
    grouped = distinct <= DISTINCT_SHARE * table.rows
    first, last = falling[grouped[falling]], falling[~grouped[falling]]
    rows = np.arange(table.rows)
    orders = np.broadcast_to(first, (table.rows, len(first)))
    done = []
    if len(first):
        halve(ids, lengths, *fixed(ids, lengths, rows, orders), done)
    else:
        done.append((rows, orders))
    rows = np.concatenate([piece for piece, _ in done])
    orders = np.concatenate([order for _, order in done])
    return rows, np.hstack([orders, np.broadcast_to(last, (len(rows), len(last)))])


def cells(table):
    """Numbers of the values by row and field, equal for equal texts, in the order of the texts; and their lengths."""
    texts = sorted({text for field in table.fields for text in field.values})
    number = {text: position for position, text in enumerate(texts)}
    lengths = np.zeros(len(texts), dtype=np.int64)
    ids = np.empty((table.rows, len(table.fields)), dtype=np.int64)
    for field in table.fields:
        own = np.array([number[text] for text in field.values])
        lengths[own] = field.lengths
        ids[:, field.position] = own[np.array(field.codes)]
    return ids, lengths


def scored(values, lengths):
    """Score of each column of a matrix of values."""
    rows = len(values)
    ordered = np.sort(values, axis=0)
    distinct = 1 + (ordered[1:] != ordered[:-1]).sum(axis=0)
    return lengths[values].mean(axis=0) ** 2 * (rows / distinct - 1)


def fixed(ids, lengths, rows, orders):
    """Rows and their orders in the fixed order of the table that they make."""
    values = ids[rows[:, None], orders]
    falling = np.argsort(-scored(values, lengths), kind="stable")
    sequence = np.lexsort(values[:, falling[::-1]].T)
    return rows[sequence], orders[sequence][:, falling]


def halve(ids, lengths, rows, orders, done):
    """The pieces of a table, in order."""
    if len(rows) > LARGEST_PIECE:
        middle = (len(rows) + 1) // 2
        halve(ids, lengths, rows[:middle], orders[:middle], done)
        halve(ids, lengths, rows[middle:], orders[middle:], done)
    else:
        group(ids, lengths, rows, orders, None, 0, 0, done)


def group(ids, lengths, rows, orders, before, firsts, tried, done):
    """Grouped rows, with the orders of the fields that were put first in them in front."""
    if len(rows) == 0:
        return
    if orders.shape[1] == 0:
        done.append((rows, before))
        return
    values = ids[rows[:, None], orders]
    chosen = None
    if firsts < MOST_VALUES_FIRST and tried < MOST_VALUES_TRIED:
        chosen = most_promising(values, lengths)
    if chosen is None:
        ends_at = np.argsort(-scored(values, lengths), kind="stable")
        sequence = np.lexsort(values[:, ends_at[::-1]].T)
        done.append((rows[sequence], joined(before, orders[:, ends_at])[sequence]))
        return
    held = values == chosen
    holding = held.any(axis=1)
    mine, place = rows[holding], held[holding].argmax(axis=1)
    kept = np.arange(orders.shape[1]) != place[:, None]
    front = joined(None if before is None else before[holding], orders[holding][~kept].reshape(-1, 1))
    group(ids, lengths, mine, orders[holding][kept].reshape(len(mine), -1), front, firsts + 1, tried, done)
    others = None if before is None else before[~holding]
    group(ids, lengths, rows[~holding], orders[~holding], others, firsts, tried + 1, done)


def most_promising(values, lengths):
    """The value with the largest squared length times repetitions; None if no promise is large enough."""
    found, counts = np.unique(values, return_counts=True)
    promise = lengths[found] ** 2 * (counts - 1)
    best = promise.argmax()
    return found[best] if promise[best] >= EARLY_STOP else None


def joined(before, orders):
    return orders if before is None else np.hstack([before, orders])
