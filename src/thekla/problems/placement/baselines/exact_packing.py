"""Our reference for small clusters: the best placement, by bisection over the pressure and exact bin packing.

A pressure of at most T means that load + T size of the shards on each GPU is at most T times its memory. Whether the
shards can be packed so is decided by bin completion (Korf 2003): the largest shard left takes a GPU, and every set of
others that wastes no more than the total slack is tried beside it. For equal GPUs and whole models.
"""


def place(gpus, shards):
    memory = gpus[0].memory_gb
    low = sum(shard.load for shard in shards) / (memory * len(gpus) - sum(shard.size_gb for shard in shards))
    best = [shard.index % len(gpus) for shard in shards]
    high = 16 * low
    found = packed(len(gpus), shards, memory, high)
    while found is not None or high > low * (1 + 1e-9):
        if found is None:
            low = target
        else:
            best, high = found, reached(len(gpus), shards, memory, found)
        target = high * (1 - 1e-9) if high < 1.004 * low else (high + low) / 2
        if high <= low * (1 + 1e-9):
            break
        found = packed(len(gpus), shards, memory, target)
    return best


def reached(count, shards, memory, placement):
    """The largest pressure of a placement."""
    load, free = [0.0] * count, [memory] * count
    for shard, gpu in zip(shards, placement, strict=True):
        load[gpu] += shard.load
        free[gpu] -= shard.size_gb
    return max(on / left for on, left in zip(load, free, strict=True))


def packed(count, shards, memory, target):
    """A placement whose pressures are at most `target`, or None."""
    room = memory * target * (1 + 1e-13)
    demand = [shard.load + target * shard.size_gb for shard in shards]
    order = tuple(sorted(range(len(shards)), key=lambda number: -demand[number]))
    slack = count * room - sum(demand)
    if slack < 0 or demand[order[0]] > room:
        return None
    bins = complete(order, count, slack, demand, room, set())
    if bins is None:
        return None
    placement = [0] * len(shards)
    for gpu, chosen in enumerate(bins):
        for number in chosen:
            placement[number] = gpu
    return placement


def complete(left, bins, slack, demand, room, failed):
    """Sets for the shards that are left, largest first; None if the waste cannot be kept within the slack."""
    if not left:
        return []
    if not bins or (left, bins) in failed:
        return None
    first, rest = left[0], left[1:]
    found = []
    extend(rest, 0, room - demand[first], (), slack + 1e-9 * room, demand, found)
    found.sort()
    for waste, chosen in found:
        inside = set(chosen)
        others = complete(
            tuple(number for number in rest if number not in inside), bins - 1, slack - waste, demand, room, failed
        )
        if others is not None:
            return [(first, *chosen), *others]
    failed.add((left, bins))
    return None


def extend(rest, start, room, chosen, allowed, demand, found):
    """Collects all sets that fit into `room` and leave at most `allowed` of it empty."""
    if room <= allowed:
        found.append((room, chosen))
    for position in range(start, len(rest)):
        number = rest[position]
        if demand[number] <= room:
            extend(rest, position + 1, room - demand[number], (*chosen, number), allowed, demand, found)
