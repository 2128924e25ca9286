"""Greedy replication and packing as a first version in numpy looks: layer by layer, replica by replica."""

import numpy as np


def plan(s, load):
    slot_map = np.zeros((s.layers, s.slots), dtype=np.int64)
    for layer in range(s.layers):
        loads = load[layer].astype(float)
        copies = np.ones(s.experts)
        replicas = list(range(s.experts))
        for _ in range(s.slots - s.experts):
            expert = int(np.argmax(loads / copies))
            copies[expert] += 1
            replicas.append(expert)
        weights = loads / copies
        replicas.sort(key=lambda expert: -weights[expert])
        totals = np.zeros(s.gpus)
        used = np.zeros(s.gpus, dtype=np.int64)
        for expert in replicas:
            room = np.where(used < s.slots_per_gpu)[0]
            gpu = room[np.argmin(totals[room])]
            slot_map[layer, gpu * s.slots_per_gpu + used[gpu]] = expert
            used[gpu] += 1
            totals[gpu] += weights[expert]
    return slot_map
