"""Ordering transactions as they arrive: what is committed stays, and what is to come is unknown.

On the simulator `thekla.simulators.transactions`. `build` makes a suite's package;
`docs/problems/transactions-online.md` is its page.
"""

from .package import TransactionsOnlinePackage

__all__ = ["TransactionsOnlinePackage", "build"]

build = TransactionsOnlinePackage.build
