"""Experts in their order, then one more replica for each of the most loaded; where they lie is left to chance."""


def plan(s, load):
    slot_map = []
    for loads in s.rows(load):
        order = list(range(s.experts))
        order.sort(key=lambda expert: -loads[expert])
        chosen = list(range(s.experts))
        for number in range(s.slots - s.experts):
            chosen.append(order[number % s.experts])
        slot_map.append(chosen)
    return slot_map
