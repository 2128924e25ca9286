"""Building blocks as text with typed holes, `{name: type}`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from thekla.core.problem import Block
from thekla.generation.mutation.typesystem import Type, parse_type

__all__ = ["Hole", "filled", "holes_of", "use_of", "with_stand_ins"]

Use = Literal["name", "place", "value"]

_HOLE = re.compile(r"\{([A-Za-z_]\w*)\s*:\s*([^{}]+)\}")


@dataclass(frozen=True)
class Hole:
    """A place in a block that takes a name or an expression of the type."""

    name: str
    type: Type

    @property
    def stand_in(self) -> str:
        """A name that holds the place while the block is still incomplete."""
        return f"hole_{self.name}_"


def holes_of(block: Block) -> tuple[Hole, ...]:
    """The holes of a block in the order of their first mention; equal names are one hole."""
    found: dict[str, Hole] = {}
    for name, annotation in _HOLE.findall(block.text):
        found.setdefault(name, Hole(name, parse_type(annotation)))
    return tuple(found.values())


def with_stand_ins(block: Block, fillings: Mapping[str, str]) -> str:
    """The block's text with what is filled so far, and stand-ins for the rest."""
    return _HOLE.sub(lambda match: fillings.get(match[1], Hole(match[1], parse_type(match[2])).stand_in), block.text)


def use_of(block: Block, hole: Hole) -> Use:
    """How a block uses a hole: it assigns to it (`name`), changes it in place (`place`), or reads it (`value`)."""
    text = with_stand_ins(block, {})
    if re.search(rf"(?m)^\s*{hole.stand_in}\s*([-+*/%]|//)?=(?!=)", text):
        return "name"
    changes = "append|appendleft|add|clear|extend|insert|pop|popleft|remove|reverse|sort|update"
    changed = re.search(rf"\b{hole.stand_in}(\.({changes})\(|\[[^\n]*\]\s*=(?!=))", text)
    return "place" if changed else "value"


def filled(block: Block, fillings: Mapping[str, str]) -> str:
    """The block's text with all holes filled.

    Raises:
        KeyError: A hole has no filling.
    """
    return _HOLE.sub(lambda match: fillings[match[1]], block.text)
