"""Falling size on the emptiest GPU, then one pass of trades between shards of equal size; weak, but legal."""


def place(gpus, shards):
    order = list(shards)
    order.sort(key=lambda shard: (-len(shard.parts), -shard.size_gb, shard.model))
    for shard in order:
        best = None
        most = -1.0
        for gpu in gpus:
            if gpu.fits(shard) and gpu.free_gb > most:
                most = gpu.free_gb
                best = gpu
        best.add(shard)
    previous = order[0]
    for shard in order:
        one, other = previous.gpu, shard.gpu
        alone = len(shard.parts) == 1 and len(previous.parts) == 1
        equal = alone and one is not other and shard.size_gb == previous.size_gb
        if equal and (one.load - other.load) * (previous.load - shard.load) > 0:
            one.remove(previous)
            other.remove(shard)
            one.add(shard)
            other.add(previous)
        previous = shard
