"""The words and the joints of Thekla: frozen types, protocols, events, budget, random streams, registry.

Standard library only; no I/O but the look-up of entry points.
"""
