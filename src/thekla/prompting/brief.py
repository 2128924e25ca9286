"""The brief: a prompt of plain sections, each with text for a reader and data for a mutator."""

from __future__ import annotations

from collections.abc import Sequence

from thekla.core.problem import Problem
from thekla.core.run import Prompt, Section, Ticket, Told
from thekla.prompting.history import Fold
from thekla.prompting.sections import (
    failures_section,
    hints_section,
    inspirations_section,
    interface_section,
    operators_section,
    parent_section,
    progress_section,
    statement_section,
    tried_section,
    vocabulary_section,
)

__all__ = ["BriefBuilder"]


class BriefBuilder:
    """Builds prompts of ten sections; what it keeps between calls is a cache and changes no result.

    A history that continues the last one costs only what is new in it; any other is folded from its beginning.

    Args:
        patience: Evaluations without a better best after which the search counts as stuck.

    Raises:
        ValueError: The patience is not positive.
    """

    name = "brief"
    version = "1"

    def __init__(self, *, patience: int = 60) -> None:
        if patience < 1:
            raise ValueError(f"patience is {patience}; it must be at least 1 evaluation")
        self._patience = patience
        self._problem: Problem | None = None
        self._fixed: tuple[Section, ...] = ()
        self._fold: Fold | None = None

    def build(self, problem: Problem, ticket: Ticket, history: Sequence[Told]) -> Prompt:
        """The prompt for a ticket."""
        if self._problem is not problem:
            self._problem, self._fold = problem, None
            self._fixed = (
                statement_section(problem),
                interface_section(problem.interface),
                vocabulary_section(problem.vocabulary),
            )
        fold = self._folded(problem, history)
        return Prompt(
            sections=(
                *self._fixed,
                parent_section(ticket, fold),
                inspirations_section(ticket, fold),
                hints_section(ticket),
                operators_section(fold),
                failures_section(ticket, fold),
                tried_section(ticket, fold),
                progress_section(fold, patience=self._patience),
            )
        )

    def _folded(self, problem: Problem, history: Sequence[Told]) -> Fold:
        if self._fold is None or not self._fold.extends(history):
            self._fold = Fold(objective=problem.objective)
        self._fold.advance(history)
        return self._fold
