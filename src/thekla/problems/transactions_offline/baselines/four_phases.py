"""The evolved offline method in four phases: greedy orders, best insertion, pairwise swaps, restarts.

After the published account of what a search with language models found (Cheng et al. 2025, "Barbarians at the Gate",
transaction scheduling); the text and the numbers of steps are ours.
"""

import random

import numpy as np

EFFORT = 3_000_000  # orders tried by swaps, over the number of transactions, and at most 300 for each
BATCH = 200
STARTS = 3
RESTARTS = 4


def schedule(workload):
    best = min((insert_again(workload, order) for order in greedy_orders(workload)), key=workload.cost)
    budget = min(300 * len(best), EFFORT // len(best))
    best = swap_down(workload, best, budget // 2)
    for _ in range(RESTARTS):
        shaken = swap_down(workload, insert_again(workload, shake(best)), budget // (2 * RESTARTS))
        if workload.cost(shaken) <= workload.cost(best):
            best = shaken
    return best


def greedy_orders(workload):
    """Phase 1: from random transactions, always the one that adds least; ties by conflicts that are still to come."""
    degree = (workload.delays > -1000).sum(axis=1)
    for _ in range(STARTS):
        placed, left = workload.schedule(), list(workload.transactions)
        random.shuffle(left)
        placed.append(left.pop())
        while left:
            best = min(left[-100:], key=lambda each: (placed.probe(each), -degree[each.id]))
            left.remove(best)
            placed.append(best)
        yield placed.sequence


def insert_again(workload, order):
    """Phase 2: every transaction once more, at its cheapest place."""
    order = list(order)
    for transaction in random.sample(order, min(len(order), 100)):
        order.remove(transaction)
        costs = workload.insertion_costs(order, transaction)
        order.insert(max(range(len(costs)), key=lambda place: (-costs[place], place)), transaction)
    return order


def swap_down(workload, order, budget):
    """Phase 3: hill climbing over exchanges of two transactions, a batch at a time; equal orders are accepted."""
    current = np.array([each.id for each in order])
    cost = workload.cost(order)
    for _ in range(max(1, budget // BATCH)):
        rows = np.repeat(current[None, :], BATCH, axis=0)
        one, other = np.random.randint(len(current), size=(2, BATCH))
        lines = np.arange(BATCH)
        rows[lines, one], rows[lines, other] = current[other], current[one]
        costs = workload.costs(rows)
        if costs.min() <= cost:
            cost, current = costs.min(), rows[costs.argmin()]
    return [workload.transactions[each] for each in current]


def shake(order):
    """Phase 4: a stretch of a tenth of the order is shuffled, and the rest kept."""
    size = max(2, len(order) // 10)
    first = random.randrange(max(1, len(order) - size))
    return [*order[:first], *random.sample(order[first : first + size], size), *order[first + size :]]
