"""Falling size on the emptiest GPU, then one pass that moves shards to where the load is least; weak, but legal."""


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
    for shard in order:
        target = min(gpus, key=lambda gpu: gpu.load)
        if target.fits(shard) and target.pressure_with(shard) < shard.gpu.pressure:
            target.add(shard)
