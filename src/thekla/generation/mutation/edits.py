"""What an edit operator sees and what it returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Protocol

import libcst as cst

from thekla.generation.mutation.expression_types import ExpressionSite
from thekla.generation.mutation.grammar import Grammar
from thekla.generation.mutation.inference import Analysis, BodySite
from thekla.generation.mutation.tree import code_of, replace_expression
from thekla.generation.mutation.typesystem import Language

__all__ = ["Edit", "Operator", "View", "replaced"]


@dataclass(frozen=True, slots=True)
class Edit:
    """A changed program, and the change in words."""

    module: cst.Module
    words: str


@dataclass(frozen=True, slots=True)
class View:
    """A program under change, with what may be drawn on.

    Args:
        donors: Other programs to take statements and expressions from.
    """

    analysis: Analysis
    grammar: Grammar
    donors: Sequence[Analysis] = ()

    @property
    def module(self) -> cst.Module:
        """The tree."""
        return self.analysis.module

    @property
    def language(self) -> Language:
        """The types of the interface."""
        return self.grammar.language

    def expressions(self) -> list[ExpressionSite]:
        """Expressions inside functions that may be replaced."""
        return [site for site in self.analysis.expressions if site.function and site.role != "target"]

    def bodies(self) -> list[BodySite]:
        """Blocks of statements inside functions."""
        return [body for body in self.analysis.bodies if body.function]

    def points(self) -> list[tuple[BodySite, int]]:
        """Places for one more statement."""
        return [(body, index) for body in self.bodies() for index in range(body.open_end + 1)]


class Operator(Protocol):
    """One kind of edit. Draws from `rng` only; None if the program offers no place for it."""

    @property
    def name(self) -> str:
        """Stable name, under which it earns credit."""

    @property
    def weight(self) -> float:
        """How often it is chosen before anything is known of its worth."""

    def edit(self, view: View, rng: Random) -> Edit | None:
        """A changed program."""


def replaced(view: View, site: ExpressionSite, text: str) -> Edit | None:
    """The edit that puts another expression at a site, None if it would change nothing."""
    before = code_of(site.node)
    if before == text:
        return None
    module = replace_expression(view.module, site.path, text, operand=site.operand)
    return None if module is None else Edit(module, f"{before} -> {text} in {site.function}")
