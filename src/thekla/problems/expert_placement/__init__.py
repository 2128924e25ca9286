"""Expert placement: which expert lies in which slot of which GPU, before the load of the next window is known.

On the library `thekla.simulators.moe`, which needs numpy. `build` makes a suite's package;
`docs/problems/expert-placement.md` is its page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from thekla.core.errors import MissingExtraError
from thekla.problems.folder import ProblemFolder

if TYPE_CHECKING:
    from .package import ExpertPlacementPackage

__all__ = ["FOLDER", "build"]

FOLDER = ProblemFolder(__package__, sources=("thekla.simulators.moe",), wheels=("numpy",))
"""The files of the problem."""


def build(suite: str = "default") -> ExpertPlacementPackage:
    """The package of a suite, made once per process.

    Raises:
        ConfigError: There is no such suite.
        MissingExtraError: numpy is not installed, or PyTorch is not, and the suite needs it.
    """
    try:
        from .package import ExpertPlacementPackage
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "numpy":
            raise
        raise MissingExtraError("the problem expert-placement", extra="problems", package="numpy") from error
    return ExpertPlacementPackage.build(suite)
