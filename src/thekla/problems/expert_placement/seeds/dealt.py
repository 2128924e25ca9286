"""Most loaded experts get a second replica; all replicas are dealt to the GPUs in turn, most loaded first."""


def plan(s, load):
    slot_map = []
    for loads in s.rows(load):
        order = list(range(s.experts))
        order.sort(key=lambda expert: -loads[expert])
        replicas = list(order)
        for number in range(s.slots - s.experts):
            replicas.append(order[number % s.experts])
        on = [[] for _ in range(s.gpus)]
        for number, expert in enumerate(replicas):
            gpu = number % s.gpus
            on[gpu].append(expert)
        slot_map.append([expert for held in on for expert in held])
    return slot_map
