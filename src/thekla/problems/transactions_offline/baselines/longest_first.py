"""Longest processing time first; of equal lengths, those that write most."""


def schedule(workload):
    return sorted(workload.transactions, key=lambda each: (-each.length, -sum(one.is_write for one in each.operations)))
