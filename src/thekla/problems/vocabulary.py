"""Building blocks in a line each: how the interfaces of the gallery write their vocabularies."""

from thekla.core.problem import Block

__all__ = ["expression", "statement"]


def expression(name: str, type: str, text: str, doc: str) -> Block:
    """A block that has a value of a type."""
    return Block(name=name, kind="expression", type=type, text=text, doc=doc)


def statement(name: str, text: str, doc: str) -> Block:
    """A block that does something."""
    return Block(name=name, kind="statement", type="", text=text, doc=doc)
