"""Longest processing time first, each job on the machine with least load."""


def assign(sizes, machines):
    load = [0.0] * machines
    chosen = [0] * len(sizes)
    for job in sorted(range(len(sizes)), key=lambda job: -sizes[job]):
        machine = min(range(machines), key=load.__getitem__)
        chosen[job] = machine
        load[machine] += sizes[job]
    return chosen
