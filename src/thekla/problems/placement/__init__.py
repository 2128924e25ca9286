"""Model placement: which GPU serves which model, so that none is short of memory for its requests.

On the library `thekla.simulators.placement`. `build` makes a suite's package;
`docs/problems/placement.md` is its page.
"""

from .package import PlacementPackage

__all__ = ["PlacementPackage", "build"]

build = PlacementPackage.build
