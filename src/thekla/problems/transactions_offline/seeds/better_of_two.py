"""Of the next two transactions, place the one that ends the schedule earlier."""


def schedule(workload):
    left = list(workload.transactions)
    placed = workload.schedule()
    while left:
        best = min(left[:2], key=lambda item: placed.probe(item))
        left.remove(best)
        placed.append(best)
    return placed.sequence
