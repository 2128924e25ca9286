"""The published evolved idea: find the least pressure T at which best fit packs sizes plus load / T.

A pressure of at most T on every GPU means that size + load / T of its shards fits its memory, so the balancing
problem becomes bin packing, and T is found by bisection (OpenEvolve's and GEPA's programs on the public leaderboard,
as described there; written anew).
"""


def place(gpus, shards):
    total_load = sum(shard.load for shard in shards)
    low = total_load / max(1e-9, sum(gpu.memory_gb for gpu in gpus) - sum(shard.size_gb for shard in shards))
    high = low
    best = by_size(gpus, shards)
    for _ in range(12):
        high *= 1.25
        found = packed(gpus, shards, high)
        if found is not None:
            break
    else:
        return best
    for _ in range(24):
        best = found if found is not None else best
        middle = (low + high) / 2
        found = packed(gpus, shards, middle)
        if found is None:
            low = middle
        else:
            high = middle
    return found if found is not None else best


def packed(gpus, shards, target):
    """Best fit by each of three falling orders; None if none of them fits."""
    demand = {shard: shard.size_gb + shard.load / target for shard in shards}
    for key in (lambda shard: demand[shard], lambda shard: shard.load, lambda shard: shard.size_gb):
        clear(shards)
        order = sorted(shards, key=lambda shard: (-len(shard.parts), -key(shard), shard.model))
        free = {gpu: gpu.memory_gb for gpu in gpus}
        for shard in order:
            room = [gpu for gpu in gpus if free[gpu] >= demand[shard] and gpu.fits(shard)]
            if not room:
                break
            tightest = min(room, key=lambda gpu: free[gpu])
            tightest.add(shard)
            free[tightest] -= demand[shard]
        else:
            return [shard.gpu.index for shard in shards]
    return None


def by_size(gpus, shards):
    clear(shards)
    for shard in sorted(shards, key=lambda shard: (-len(shard.parts), -shard.size_gb, shard.model)):
        max((gpu for gpu in gpus if gpu.fits(shard)), key=lambda gpu: gpu.free_gb).add(shard)
    return [shard.gpu.index for shard in shards]


def clear(shards):
    for shard in shards:
        if shard.gpu is not None:
            shard.gpu.remove(shard)
