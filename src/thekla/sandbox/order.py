"""What a guest is told before its first call, and the size of what it is told."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

from thekla.core.evaluation import Limits
from thekla.core.problem import Interface
from thekla.core.program import Program
from thekla.core.values import Value

__all__ = ["order_of", "within"]


def order_of(program: Program, interface: Interface, limits: Limits, seed: int) -> dict[str, Value]:
    """What a guest needs to load a program."""
    return {
        "files": [list(pair) for pair in program.files],
        "functions": [[f.name, len(f.parameters), f.required] for f in interface.functions],
        "names": list(interface.names),
        "source": interface.guest_source,
        "guard": _guard() if interface.modules is not None or interface.forbidden else "",
        "modules": None if interface.modules is None else list(interface.modules),
        "forbidden": list(interface.forbidden),
        "seed": str(seed),  # it may be longer than 64 bits
        "frame_bytes": limits.frame_kib * 1024,
    }


@lru_cache(maxsize=1)
def _guard() -> str:
    """The source of what holds a program to its modules and calls; it travels only where a problem restricts them."""
    return files("thekla.sandbox.inside").joinpath("allowed.py").read_text(encoding="utf-8")


def within(body: bytes, frame_bytes: float) -> bytes:
    """`body`, if it fits a frame.

    Raises:
        ValueError: It does not.
    """
    if len(body) > frame_bytes:
        raise ValueError(
            f"a message of {len(body)} bytes to the guest; at most {frame_bytes:.0f} may cross, raise Limits.frame_kib"
        )
    return body
