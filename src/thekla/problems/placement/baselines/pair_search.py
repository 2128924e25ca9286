"""Our reference: GPUs are paired at random again and again, and each pair divides its shards anew.

All divisions of the (at most eight movable) shards of a pair are scored at once, for all pairs at once, in numpy. Noise
that falls with the rounds lets a pair take a division that is not its best, as in annealing. While rates drift, the
search starts from the placement before and pays for every move.
"""

import numpy as np

MOVABLE = 8
NOISE = 0.1
MOVE_COST = 0.002  # of pressure per GB and GPU, as the statement says
TARGETS = (1.03, 1.06, 1.1, 1.15, 1.2, 1.3, 1.4)  # times the fluid bound
REPAIRS = 40  # rounds per target
BITS = (np.arange(2**MOVABLE)[:, None] >> np.arange(MOVABLE)) & 1


def place(gpus, shards):
    rng = np.random.default_rng(len(shards))
    if shards[0].before is None:
        start_by_size(gpus, shards)
        state = State(gpus, shards)
        anneal(state, rng)
        return state.placement()
    for shard in shards:
        shard.before.add(shard)
    return repaired(State(gpus, shards), rng)


def start_by_size(gpus, shards):
    for shard in sorted(shards, key=lambda shard: (-len(shard.parts), -shard.size_gb, shard.model)):
        max((gpu for gpu in gpus if gpu.fits(shard)), key=lambda gpu: gpu.free_gb).add(shard)


class State:
    """Which shards lie where, with sums per GPU. Index `nobody` stands for no shard."""

    def __init__(self, gpus, shards):
        self.nobody = len(shards)
        self.size = np.array([shard.size_gb for shard in shards] + [0.0])
        self.load = np.array([shard.load for shard in shards] + [0.0])
        self.before = np.array([-1 if shard.before is None else shard.before.index for shard in shards] + [-1])
        self.wide = [len(shard.parts) > 1 for shard in shards]
        self.model = [shard.model for shard in shards]
        self.memory = np.array([gpu.memory_gb for gpu in gpus])
        self.node = [gpu.node for gpu in gpus]
        self.on = [[shard.index for shard in gpu.shards] for gpu in gpus]
        self.refresh()

    def refresh(self):
        self.sizes = np.array([self.size[on].sum() for on in self.on])
        self.loads = np.array([self.load[on].sum() for on in self.on])

    def pressures(self):
        return self.loads / np.maximum(1e-9, self.memory - self.sizes)

    def placement(self):
        where = [0] * self.nobody
        for gpu, on in enumerate(self.on):
            for shard in on:
                where[shard] = gpu
        return where

    def movable(self, a, b, rng):
        """At most eight shards of two GPUs that may go to either."""
        both = self.on[a] + self.on[b]
        if any(self.wide[shard] for shard in both):
            models = [self.model[shard] for shard in both]
            split = self.node[a] != self.node[b]
            both = [
                shard for shard in both if not self.wide[shard] or not (split or models.count(self.model[shard]) > 1)
            ]
        if len(both) > MOVABLE:
            both = [both[i] for i in rng.permutation(len(both))[:MOVABLE]]
        return both

    def divisions(self, pairs, rng):
        """For each pair: its movable shards, the pressures of both GPUs under each division, and the GB moved."""
        free = np.full((len(pairs), MOVABLE), self.nobody)
        for row, (a, b) in enumerate(pairs):
            both = self.movable(a, b, rng)
            free[row, : len(both)] = both
        a, b = np.array(pairs).T
        at_a = np.zeros(len(self.size))
        pressure = []
        size, load = self.size[free], self.load[free]
        for row, (first, _) in enumerate(pairs):
            at_a[self.on[first]] = row + 1
        mine = at_a[free] == np.arange(1, len(pairs) + 1)[:, None]
        for gpu, own, bits in ((a, mine, BITS), (b, ~mine, 1 - BITS)):
            fixed_size = self.sizes[gpu] - (size * own).sum(1)
            fixed_load = self.loads[gpu] - (load * own).sum(1)
            left = self.memory[gpu, None] - fixed_size[:, None] - size @ bits.T
            pressure.append(np.where(left > 1e-9, (fixed_load[:, None] + load @ bits.T) / np.maximum(left, 1e-9), 1e9))
        before = self.before[free]
        moved = (size * (before != a[:, None])) @ BITS.T + (size * (before != b[:, None])) @ (1 - BITS).T
        return free, pressure[0], pressure[1], moved

    def divide(self, a, b, free, choice):
        """Gives the chosen ones of the movable shards to `a`, the others to `b`."""
        movable = {int(shard) for shard in free if shard != self.nobody}
        to_a = {int(shard) for shard, bit in zip(free, BITS[choice], strict=True) if bit} & movable
        self.on[a] = [shard for shard in self.on[a] if shard not in movable] + sorted(to_a)
        self.on[b] = [shard for shard in self.on[b] if shard not in movable] + sorted(movable - to_a)
        for gpu in (a, b):
            self.sizes[gpu] = self.size[self.on[gpu]].sum()
            self.loads[gpu] = self.load[self.on[gpu]].sum()


def anneal(state, rng):
    """Random pairs, and every fourth time the most with the least pressed; ends in the best state that it met."""
    count = len(state.on)
    half = count // 2
    best, best_on = np.inf, None
    rounds = min(10 * count * count, 38400 // count)
    for turn in range(rounds):
        noise = NOISE * (1 - turn / rounds) ** 2
        order = rng.permutation(count).tolist()
        pairs = list(zip(order[:half], order[half : 2 * half], strict=True)) if turn % 4 else high_with_low(state, rng)
        free, at_a, at_b, _ = state.divisions(pairs, rng)
        worst = np.maximum(at_a, at_b)
        worst *= 1 + noise * rng.random(worst.shape)
        for (a, b), row, choice in zip(pairs, free, worst.argmin(1), strict=True):
            state.divide(a, b, row, choice)
        found = state.pressures().max()
        if found < best:
            best, best_on = found, [list(on) for on in state.on]
    state.on = best_on
    state.refresh()


def repaired(state, rng):
    """The placement before, changed as little as brings all pressures to a target; the target that pays best wins."""
    cost = MOVE_COST / len(state.on)
    fluid = state.loads.sum() / (state.memory - state.sizes).sum()
    start = [list(on) for on in state.on]
    best, chosen = state.pressures().max(), state.placement()
    for target in TARGETS:
        state.on = [list(on) for on in start]
        state.refresh()
        approach(state, target * fluid, cost, rng)
        placement = state.placement()
        moved = state.size[:-1][np.array(placement) != state.before[:-1]].sum()
        if state.pressures().max() + cost * moved < best:
            best, chosen = state.pressures().max() + cost * moved, placement
    return chosen


def approach(state, target, cost, rng):
    """Rounds of pairs, the most pressed with others, until all pressures are at most the target."""
    for _ in range(REPAIRS):
        if state.pressures().max() <= target:
            break
        pairs = high_with_low(state, rng)
        free, at_a, at_b, moved = state.divisions(pairs, rng)
        price = np.maximum(np.maximum(at_a, at_b), target) + cost * moved
        for (a, b), row, choice in zip(pairs, free, price.argmin(1), strict=True):
            state.divide(a, b, row, choice)


def high_with_low(state, rng):
    """The upper half of the GPUs by pressure, each with one of the lower half at random."""
    order = np.argsort(-state.pressures())
    half = len(order) // 2
    low = order[half:][rng.permutation(len(order) - half)[:half]]
    return list(zip(order[:half].tolist(), low.tolist(), strict=True))
