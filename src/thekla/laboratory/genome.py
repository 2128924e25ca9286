"""Programs of the laboratory: a form, which stands for structure, and a few constants."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from thekla.core.program import Program

__all__ = ["LARGEST", "SMALLEST", "Genome"]

SMALLEST, LARGEST = 1e-9, 1e9


@dataclass(frozen=True, kw_only=True)
class Genome:
    """What a laboratory program says; the constants lie in [1e-9, 1e9]. The first ones count, spare ones do nothing."""

    form: str
    constants: tuple[float, ...]

    @property
    def program(self) -> Program:
        """The program that says it."""
        numbers = ", ".join(repr(value) for value in self.constants)
        return Program.from_text(f"def answer():\n    return {self.form!r}, [{numbers}]\n")

    @classmethod
    def of(cls, program: Program, *, forms: Sequence[str], dimensions: int, spare: int = 0) -> Genome | None:
        """What a program says, None if it is not of this kind.

        Args:
            dimensions: Constants that count.
            spare: Most constants that do not.
        """
        _, _, text = program.text.partition("return ")
        try:
            form, numbers = ast.literal_eval(text.strip())
            constants = tuple(float(value) for value in numbers)
        except (SyntaxError, ValueError, TypeError):
            return None
        fits = form in forms and dimensions <= len(constants) <= dimensions + spare
        return cls(form=form, constants=constants) if fits and all(map(_in_range, constants)) else None


def _in_range(value: float) -> bool:
    return SMALLEST <= value <= LARGEST
