"""Import paths of Eudoxia that lead to our views, so that policies written for it run as they are."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from .views import names

__all__ = ["EUDOXIA_PATHS", "eudoxia_imports"]

# Every path offers every name: which of them a name stands under differs between the revisions.
EUDOXIA_PATHS = (
    "eudoxia",
    "eudoxia.executor",
    "eudoxia.executor.assignment",
    "eudoxia.scheduler",
    "eudoxia.scheduler.decorators",
    "eudoxia.utils",
    "eudoxia.workload",
    "eudoxia.workload.pipeline",
    "eudoxia.workload.runtime_status",
)
"""Modules of Eudoxia that policies import from."""


@contextmanager
def eudoxia_imports() -> Iterator[None]:
    """Lets `import eudoxia...` find our classes and decorators while the context is open, in this whole process.

    Load policies in it, and simulate in it those that import inside their functions. Nothing stays behind.

        with eudoxia_imports():
            policy = load_policy(source)

    Raises:
        RuntimeError: Eudoxia itself has been imported, or the context is open already.
    """
    taken = sorted(name for name in sys.modules if name == "eudoxia" or name.startswith("eudoxia."))
    if taken:
        raise RuntimeError(f"{taken[0]!r} is imported already; use a process without it")
    modules = {path: _module(path) for path in EUDOXIA_PATHS}
    for path, module in modules.items():
        parent, _, last = path.rpartition(".")
        if parent:
            setattr(modules[parent], last, module)
    sys.modules.update(modules)
    try:
        yield
    finally:
        for path in modules:
            sys.modules.pop(path, None)


def _module(path: str) -> ModuleType:
    module = ModuleType(path, "Stands in for a module of Eudoxia.")
    vars(module).update(names())
    module.__path__ = []  # a package, as far as imports below it are concerned, with no files to search
    return module
