"""Ordering transactions that are all known: the order decides how much runs at once.

On the simulator `thekla.simulators.transactions`. `build` makes a suite's package;
`docs/problems/transactions-offline.md` is its page.
"""

from .package import TransactionsOfflinePackage

__all__ = ["TransactionsOfflinePackage", "build"]

build = TransactionsOfflinePackage.build
