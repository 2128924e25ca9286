"""Greedy replication and longest processing time first, over all GPUs, in plain loops: what `lpt` does at once.

Replication adds one replica at a time to the expert with most load per replica. Packing takes replicas by falling
load, each to the least loaded GPU with a free slot (ties: the lowest number).
"""


def plan(s, load):
    return [packed(s, replicated(s, loads), loads) for loads in s.rows(load)]


def replicated(s, loads):
    """The expert of each replica, and how many replicas each expert has."""
    copies = [1] * s.experts
    replicas = list(range(s.experts))
    for _ in range(s.slots - s.experts):
        expert = max(range(s.experts), key=lambda each: loads[each] / copies[each])
        copies[expert] += 1
        replicas.append(expert)
    return replicas, copies


def packed(s, choice, loads):
    replicas, copies = choice
    replicas = sorted(replicas, key=lambda expert: -loads[expert] / copies[expert])
    total = [0.0] * s.gpus
    on = [[] for _ in range(s.gpus)]
    for expert in replicas:
        gpu = min((each for each in range(s.gpus) if len(on[each]) < s.slots_per_gpu), key=total.__getitem__)
        on[gpu].append(expert)
        total[gpu] += loads[expert] / copies[expert]
    return [expert for held in on for expert in held]
