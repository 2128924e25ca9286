"""Import paths of Eudoxia that lead to our views, so that policies written for it run as they are."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from .estimators import ESTIMATOR_NAMES
from .pipelines import Estimate, RuntimeStatus
from .present import Segment
from .views import Container, Executor, names

__all__ = ["EUDOXIA_PATHS", "eudoxia_imports"]

# Which module a name stands in differs between the revisions, so each of these in each package offers every name.
_PACKAGES = ("estimator", "executor", "scheduler", "utils", "workload")
_MODULES = (
    "assignment", "consts", "container", "decorators", "executor", "operator", "pipeline", "pool", "resource_pool",
    "runtime_status", "scheduler", "segment", "utils",
)  # fmt: skip
EUDOXIA_PATHS = (
    "eudoxia",
    *(f"eudoxia.{package}" for package in _PACKAGES),
    *(f"eudoxia.{package}.{module}" for package in _PACKAGES for module in _MODULES),
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
    taken = sorted(filter(_is_eudoxia, sys.modules))
    if taken:
        raise RuntimeError(f"{taken[0]!r} is imported already; use a process without it")
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if _is_eudoxia(name)]:
            del sys.modules[name]


class _Finder(MetaPathFinder, Loader):
    """Finds `eudoxia` and the modules of its packages, each with all names."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        root, *below = fullname.split(".")
        known = all(part in level for part, level in zip(below, (_PACKAGES, _MODULES), strict=False))
        if root != "eudoxia" or len(below) > 2 or not known:
            return None
        return ModuleSpec(fullname, self, is_package=len(below) < 2)

    def exec_module(self, module: ModuleType) -> None:
        module.__doc__ = "Stands in for a module of Eudoxia."
        views = (Container, Estimate, Executor, RuntimeStatus, Segment)
        vars(module).update({**names(), **ESTIMATOR_NAMES, **{view.__name__: view for view in views}})


def _is_eudoxia(name: str) -> bool:
    return name == "eudoxia" or name.startswith("eudoxia.")
