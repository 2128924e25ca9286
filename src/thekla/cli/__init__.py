"""The command line: each command calls one function of `thekla.assembly` and prints what it returns.

Exit codes: 0 done; 1 nothing was scored, or another failure; 2 bad input or configuration; 3 no sandbox;
130 interrupted.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code. Nothing third-party is imported before this call.

    Args:
        arguments: What follows the program's name; by default that of this process.
    """
    try:
        from thekla.cli.app import execute

        return execute(arguments)
    except KeyboardInterrupt:  # before or after the command itself, which says more
        sys.stderr.write("thekla: interrupted\n")
        return 130
