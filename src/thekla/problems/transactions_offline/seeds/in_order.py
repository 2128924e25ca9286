"""The transactions as they come."""


def schedule(workload):
    order = list(workload.transactions)
    return order
