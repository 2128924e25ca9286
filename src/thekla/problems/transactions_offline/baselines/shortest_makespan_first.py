"""Shortest makespan first: a random transaction, then always the one of ten sampled that adds least to the makespan."""

import random


def schedule(workload):
    left = list(workload.transactions)
    random.shuffle(left)
    placed = workload.schedule()
    placed.append(left.pop())
    while left:
        sampled = random.sample(range(len(left)), min(10, len(left)))
        best = min(sampled, key=lambda place: placed.probe(left[place]))
        left[best], left[-1] = left[-1], left[best]
        placed.append(left.pop())
    return placed.sequence
