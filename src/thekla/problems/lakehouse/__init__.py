"""Lakehouse scheduling: which operator runs when, where, and with how much, without knowing what it needs.

The first problem of the gallery, on the simulator `thekla.simulators.lakehouse`. `build` makes a suite's package;
`docs/problems/lakehouse.md` is its page.
"""

from .package import LakehousePackage, build

__all__ = ["LakehousePackage", "build"]
