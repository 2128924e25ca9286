"""Best insertion: the transactions with the heaviest conflicts first, each at the place where it costs least."""

import numpy as np


def schedule(workload):
    demands = np.maximum(workload.delays, 0).astype(int)
    weight = demands.sum(axis=0) + demands.sum(axis=1)
    order = []
    for transaction in sorted(workload.transactions, key=lambda each: -weight[each.id]):
        costs = workload.insertion_costs(order, transaction)
        least = min(costs)
        # The last of equally good places: those before it keep their slots.
        place = max(place for place, cost in enumerate(costs) if cost == least)
        order.insert(place, transaction)
    return order
