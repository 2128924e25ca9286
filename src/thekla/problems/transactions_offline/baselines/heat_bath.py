"""Annealing by heat bath: a transaction is drawn, and *all* its places compete for it at the present temperature.

Eight orders are annealed side by side, since one pass of the kernel serves them all. Where places are equal in
makespan, those with more slack are likelier. Half of the draws are from the longest chain of conflicts.
"""

import numpy as np

ORDERS = 8
STEPS = 500_000  # over the number of transactions, and at most 50 for each: 2 to 5 s of CPU time from 100 on
HOT, COLD = 0.4, 0.1
SLACK = 0.3  # weight of the longest chain through the transaction, beside that of the makespan
CRITICAL = 0.5


def schedule(workload, steps=None, orders=ORDERS, seed=None):
    count = len(workload.transactions)
    rng = np.random.default_rng(np.random.randint(2**31) if seed is None else seed)
    one = [each.id for each in insertion(workload)]
    best, least = one, workload.cost([workload.transactions[each] for each in one])
    sequences = np.repeat(np.array(one)[:, None], orders, axis=1)
    columns, places = np.arange(orders), np.arange(count)[:, None]
    drawn = rng.integers(count, size=orders)
    steps = steps or min(50 * count, STEPS // count)
    hot = max(COLD, HOT * min(1.0, steps / (50 * count)))  # with few steps for each there is no time to cool down
    for step in range(steps):
        temperature = hot * (COLD / hot) ** (step / steps)
        costs, through, others = workload.move_costs(sequences, drawn)
        chosen = draw((1 - SLACK) * costs + SLACK * through, temperature, rng)
        makespans = costs[chosen, columns]
        source = places - (places > chosen)
        source += source >= drawn
        source[chosen, columns] = drawn
        sequences = np.take_along_axis(sequences, source, 0)
        if makespans.min() < least:
            least = makespans.min()
            best = sequences[:, makespans.argmin()].tolist()
        drawn = next_draw(others == makespans, chosen, rng)
    return [workload.transactions[each] for each in best]


def draw(energies, temperature, rng):
    """A place per column, by Boltzmann's weights."""
    weights = np.exp((energies.min(axis=0) - energies) / temperature).cumsum(axis=0)
    return np.minimum((weights < rng.random(weights.shape[1]) * weights[-1]).sum(axis=0), len(weights) - 1)


def next_draw(critical, chosen, rng):
    """The next place to be moved, per column: half the time one of the critical chain."""
    count, width = len(critical) + 1, critical.shape[1]
    link = (rng.random(critical.shape) * critical).argmax(axis=0)
    link = np.where(critical.any(axis=0), link + (link >= chosen), chosen)
    return np.where(rng.random(width) < CRITICAL, link, rng.integers(count, size=width))


def insertion(workload):
    demands = np.maximum(workload.delays, 0).astype(int)
    weight = demands.sum(axis=0) + demands.sum(axis=1)
    order = []
    for transaction in sorted(workload.transactions, key=lambda each: -weight[each.id]):
        costs = workload.insertion_costs(order, transaction)
        order.insert(max(range(len(costs)), key=lambda place: (-costs[place], place)), transaction)
    return order
