"""Thekla: a platform for AI-driven research for systems.

Importing the package loads no third-party module; names are resolved on first use.
"""

__version__ = "0.1.0"
