"""A program prepared for change: its tree, types, phrases and numbers, worked out once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import libcst as cst

from thekla.core.problem import Problem
from thekla.core.program import Program, ProgramId
from thekla.generation.mutation.checks import Facts, facts_of
from thekla.generation.mutation.edits import Operator
from thekla.generation.mutation.grammar import Grammar, Phrase
from thekla.generation.mutation.inference import Analysis, analyse
from thekla.generation.mutation.operators import operators_for
from thekla.generation.mutation.tree import code_of
from thekla.generation.mutation.typesystem import Language, Type

__all__ = ["Bench", "Prepared"]

_LONGEST_PHRASE = 70  # characters


@dataclass(frozen=True, slots=True)
class Prepared:
    """A program that was read, typed and checked."""

    analysis: Analysis
    facts: Facts
    phrases: Mapping[str, Sequence[Phrase]]
    numbers: Mapping[str, Sequence[float]]


@dataclass
class Bench:
    """What the mutator knows of one problem, with the programs it has prepared; the oldest are forgotten.

    Args:
        capacity: How many prepared programs are kept.
    """

    problem: Problem
    capacity: int = 64
    language: Language = field(init=False)
    operators: tuple[Operator, ...] = field(init=False)
    _prepared: OrderedDict[ProgramId, Prepared | None] = field(default_factory=OrderedDict)

    def __post_init__(self) -> None:
        self.language = Language(self.problem.interface)
        self.operators = operators_for(self.problem.vocabulary.blocks)

    def prepare(self, program: Program) -> Prepared | None:
        """The prepared program, None if it does not parse."""
        if program.id in self._prepared:
            self._prepared.move_to_end(program.id)
            return self._prepared[program.id]
        made = self._prepared[program.id] = self._make(program.text)
        while len(self._prepared) > self.capacity:
            self._prepared.popitem(last=False)
        return made

    def _make(self, text: str) -> Prepared | None:
        facts = facts_of(text, self.language.names)
        if facts is None:
            return None
        try:
            module = cst.parse_module(text)
        except cst.ParserSyntaxError:
            return None
        analysis = analyse(module, self.language)
        return Prepared(
            analysis=analysis,
            facts=facts,
            phrases=_phrases(analysis, self.language),
            numbers=_numbers(analysis),
        )

    def grammar(self, analysis: Analysis, sources: Sequence[Prepared]) -> Grammar:
        """A grammar over the problem's blocks and what is seen in the source programs."""
        phrases: dict[str, list[Phrase]] = {}
        numbers: dict[str, list[float]] = {}
        for source in sources:
            for name, found in source.phrases.items():
                phrases.setdefault(name, []).extend(found)
            for name, values in source.numbers.items():
                numbers.setdefault(name, []).extend(values)
        return Grammar(
            language=self.language,
            blocks=self.problem.vocabulary.blocks,
            state=analysis.state,
            corpus=phrases,
            numbers=numbers,
        )


def _phrases(analysis: Analysis, language: Language) -> dict[str, tuple[Phrase, ...]]:
    """Composed expressions of a known type, by type name, each once."""
    simple = (cst.Name, cst.Integer, cst.Float, cst.SimpleString, cst.Lambda, cst.List, cst.Tuple, cst.Dict)
    found: dict[str, dict[str, Phrase]] = {}
    for site in analysis.expressions:
        known: Type = site.known
        if isinstance(site.node, simple) or site.role == "target" or not site.function:
            continue
        if language.is_number(known) or known.name in ("bool", "list"):
            text = code_of(site.node)
            if len(text) <= _LONGEST_PHRASE and "\n" not in text and ".pop(" not in text:
                found.setdefault(known.name, {})[text] = Phrase(text, known)
    return {name: tuple(phrases.values()) for name, phrases in found.items()}


def _numbers(analysis: Analysis) -> dict[str, tuple[float, ...]]:
    """Numeric constants by the type that they stand for; indices and bounds of slices are left out."""
    found: dict[str, list[float]] = {}
    for site in analysis.expressions:
        if isinstance(site.node, cst.Integer | cst.Float) and site.known.name not in ("int", "any"):
            value = float(site.node.evaluated_value)
            if 0 < value < 1e9:
                found.setdefault(site.known.name, []).append(value)
    return {name: tuple(values) for name, values in found.items()}
