"""Where evaluation jobs run: in this process, or in worker processes on this machine."""

from thekla.evaluation.backends.deferred import DeferredBackend
from thekla.evaluation.backends.inline import InlineBackend
from thekla.evaluation.backends.local import LocalBackend

__all__ = ["DeferredBackend", "InlineBackend", "LocalBackend"]
