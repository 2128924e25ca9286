"""`python -m thekla.cli` is the command `thekla`."""

import sys

from thekla.cli import main

sys.exit(main())
