"""The first lines of a worker process: tie its life to the engine's before anything takes time.

Run as a file, with the engine's process id as its argument; a worker's imports take long enough to be killed in.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> int:
    """Ask the kernel (Linux; elsewhere the end of the input does it) to end this process with its parent, then work."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != int(sys.argv[1]):  # the engine died before the kernel was asked
        return 0
    from thekla.evaluation.backends import worker

    return worker.main()


if __name__ == "__main__":
    sys.exit(main())
