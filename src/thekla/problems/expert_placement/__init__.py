"""Expert placement: which expert lies in which slot of which GPU, before the load of the next window is known.

On the library `thekla.simulators.moe`, which needs numpy. `build` makes a suite's package, `suites` lists them;
`docs/problems/expert-placement.md` is its page.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from thekla.core.errors import MissingExtraError
from thekla.core.program import Program
from thekla.problems.folder import ProblemFolder

if TYPE_CHECKING:
    from .package import ExpertPlacementPackage

__all__ = ["FOLDER", "build", "exploits", "suites"]

FOLDER = ProblemFolder(__package__, sources=("thekla.simulators.moe",), wheels=("numpy",))
"""The files of the problem."""


def suites() -> Mapping[str, str]:
    """The suites of the problem, each with a line on what it is for."""
    return FOLDER.suites


def exploits() -> Mapping[str, Program]:
    """Programs that cheat, by name; the audit expects each to score no better than a seed, or to fail."""
    return FOLDER.programs("exploits")


@lru_cache(maxsize=8)
def build(suite: str = "default") -> ExpertPlacementPackage:
    """The package of a suite, made once per process.

    Raises:
        ConfigError: There is no such suite.
        MissingExtraError: numpy is not installed.
    """
    FOLDER.require_suite(suite)
    try:
        from .package import ExpertPlacementPackage
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "numpy":
            raise
        raise MissingExtraError("the problem expert-placement", extra="problems", package="numpy") from error
    return ExpertPlacementPackage(suite)
