"""Falling size on the least pressed GPU; where that ends in a dead end, falling size on the emptiest one."""


def place(gpus, shards):
    order = list(shards)
    order.sort(key=lambda shard: (-len(shard.parts), -shard.size_gb))
    for shard in order:
        room = [gpu for gpu in gpus if gpu.fits(shard)]
        if not room:
            clear(shards)
            fill(gpus, shards)
            break
        best = min(room, key=lambda gpu: gpu.pressure)
        best.add(shard)


def clear(shards):
    for shard in shards:
        if shard.gpu is not None:
            shard.gpu.remove(shard)


def fill(gpus, shards):
    for shard in sorted(shards, key=lambda shard: (-len(shard.parts), -shard.size_gb, shard.model)):
        room = [gpu for gpu in gpus if gpu.fits(shard)]
        max(room, key=lambda gpu: gpu.free_gb).add(shard)
