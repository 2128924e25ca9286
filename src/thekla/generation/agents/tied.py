"""Starts a command that ends when the process does that asked for it: `tied.py PID COMMAND ...`.

Run as a file. An agent that outlived its run would go on spending.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> int:
    """Become the command; Linux ends it with its parent, elsewhere it ends by itself."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != int(sys.argv[1]):  # the run ended before the kernel was asked
        return 1
    os.execvp(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
