"""Simulated annealing from best insertion: 20,000 makespans in all at 100 transactions.

Moves take one transaction to another place; three in ten concern the critical chain, the transactions that each wait
for the one before and end last. Of two orders with one makespan, the one whose transactions end earlier is better.
"""

import math
import random

import numpy as np

CALLS = 149_000_000  # over the square of the number of transactions, and at most 149 for each
HOT, COLD = 0.3, 0.1
MEAN_END = 0.75  # weight of the mean end in the cost
CRITICAL = 0.3  # share of moves on the critical chain


def schedule(workload, calls=None):
    count = len(workload.transactions)
    return anneal(workload, insertion(workload), calls or min(149 * count, CALLS // count**2))


def insertion(workload):
    """Best insertion, heaviest conflicts first: 5,050 makespans at 100 transactions."""
    demands = np.maximum(workload.delays, 0).astype(int)
    weight = demands.sum(axis=0) + demands.sum(axis=1)
    order = []
    for transaction in sorted(workload.transactions, key=lambda each: -weight[each.id]):
        costs = workload.insertion_costs(order, transaction)
        order.insert(max(range(len(costs)), key=lambda place: (-costs[place], place)), transaction)
    return order


def anneal(workload, order, calls):
    starts, makespan, cost = measure(workload, order)
    best, least, chain = order, makespan, None
    for call in range(calls):
        temperature = HOT * (COLD / HOT) ** (call / calls)
        if random.random() < CRITICAL:
            chain = chain or critical_chain(workload, order, starts, makespan)
            source, target = move_on(chain, len(order))
        else:
            source, target = random.randrange(len(order)), random.randrange(len(order))
        changed = order.copy()
        changed.insert(target, changed.pop(source))
        new_starts, new_makespan, new_cost = measure(workload, changed)
        if new_cost <= cost or random.random() < math.exp((cost - new_cost) / temperature):
            order, starts, makespan, cost, chain = changed, new_starts, new_makespan, new_cost, None
            if makespan < least:
                best, least = order, makespan
    return best


def measure(workload, order):
    starts = workload.starts(order)
    ends = [start + each.length - 1 for start, each in zip(starts, order, strict=True)]
    return starts, max(ends), max(ends) + MEAN_END * sum(ends) / len(ends)


def critical_chain(workload, order, starts, makespan):
    """Places of the critical chain, first to last."""
    place = next(p for p, each in enumerate(order) if starts[p] + each.length - 1 == makespan)
    chain = [place]
    while starts[place] > 1:
        last = order[place].id
        place = next(p for p in range(place) if starts[p] + workload.delays[order[p].id, last] == starts[place])
        chain.append(place)
    return chain[::-1]


def move_on(chain, count):
    """A transaction of the chain goes before its predecessor there, or that one behind it, or anywhere."""
    link = random.randrange(len(chain))
    kind = random.randrange(3)
    if kind < 2 and link:
        return (chain[link], chain[link - 1]) if kind else (chain[link - 1], chain[link])
    return chain[link], random.randrange(count)
