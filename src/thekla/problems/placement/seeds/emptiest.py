"""Falling size, each shard on the GPU with most free memory; loads are ignored."""


def place(gpus, shards):
    for shard in sorted(shards, key=lambda shard: (-len(shard.parts), -shard.size_gb, shard.model)):
        room = [gpu for gpu in gpus if gpu.fits(shard)]
        best = max(room, key=lambda gpu: gpu.free_gb)
        best.add(shard)
