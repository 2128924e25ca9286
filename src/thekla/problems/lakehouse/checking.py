"""What the linter of the simulator says of a candidate, as the evaluation service asks for it."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from thekla.core.evaluation import Failed, FailureKind
from thekla.core.program import Program
from thekla.simulators.lakehouse import Finding, lint

__all__ = ["lint_failure"]

_STAGE = "check"
_MOST_NAMED = 3
_IN_ANY_PLACE = ("syntax", "interface", "key", "signature")  # rules that hold before a line of the program runs


def lint_failure(program: Program) -> Failed | None:
    """Why a policy fails wherever the line in question is reached, None if nothing is certain.

    What stands in a `try` statement is left alone, since the program may be ready for it; so are programs of several
    files, which may import each other.
    """
    if len(program.files) > 1:
        return None
    findings = lint(program.text)
    if not findings:
        return None
    tried = [] if findings[0].rule == "syntax" else _tried_lines(ast.parse(program.text))
    certain = [one for one in findings if one.rule in _IN_ANY_PLACE or not any(one.line in lines for lines in tried)]
    return _failed(certain) if certain else None


def _tried_lines(tree: ast.Module) -> Sequence[range]:
    """The lines of `try` statements that catch something."""
    tried = [node for node in ast.walk(tree) if isinstance(node, ast.Try) and node.handlers]
    return [range(node.lineno, (node.end_lineno or node.lineno) + 1) for node in tried]


def _failed(certain: Sequence[Finding]) -> Failed:
    named = "; ".join(str(one) for one in certain[:_MOST_NAMED])
    more = f"; and {len(certain) - _MOST_NAMED} more" if len(certain) > _MOST_NAMED else ""
    return Failed(kind=FailureKind.INTERFACE, stage=_STAGE, message=named + more)
