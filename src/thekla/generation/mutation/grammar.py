"""Expressions of a wanted type, drawn from what is in scope: observables, building blocks, code seen, constants."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from random import Random

import libcst as cst

from thekla.core.problem import Block
from thekla.generation.mutation.expression_types import Scope
from thekla.generation.mutation.holes import filled, holes_of, use_of, with_stand_ins
from thekla.generation.mutation.inference import infer_statements
from thekla.generation.mutation.tree import is_atom, names_in, parse_expression
from thekla.generation.mutation.typesystem import ANY, BOOL, FLOAT, NUMBER, STR, Language, Type, element_of, parse_type

__all__ = ["Grammar", "Phrase", "bracketed", "number_text"]

_STRUCTURAL = (0, 1, 2, 3, 4, 5, 8, 10, 16, 20, 32, 50, 64, 100)
_FRACTIONS = ("2", "3", "4", "8", "10")
_MAX_OBSERVABLES = 400
_ALWAYS = frozenset({
    "True", "False", "None", "and", "or", "not", "in", "is", "if", "else", "for", "lambda", "abs", "all", "any",
    "bool", "dict", "enumerate", "float", "int", "len", "list", "max", "min", "range", "reversed", "round", "set",
    "sorted", "str", "sum", "tuple", "zip",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Phrase:
    """An expression's text with its type."""

    text: str
    type: Type


@lru_cache(maxsize=4096)
def _needs_brackets(text: str) -> bool:
    node = parse_expression(text)
    return node is not None and not is_atom(node)


def bracketed(text: str) -> str:
    """The text fit to be an operand."""
    return f"({text})" if _needs_brackets(text) else text


def number_text(value: float, *, whole: bool) -> str:
    """A number as a reader would write it: whole, or with two or three significant digits."""
    if whole or (abs(value) >= 100 and math.isfinite(value)):
        return str(round(value))
    text = f"{value:.3g}" if abs(value) >= 10 else f"{value:.2g}"
    return text if "." in text or "e" in text else text + ".0" if not value.is_integer() else text


@dataclass
class Grammar:
    """Draws expressions; what it draws depends on its arguments only.

    Args:
        state: Types of attributes that the program gives to its state objects.
        corpus: Expressions of the program and of donors, by type name.
        numbers: Numeric constants seen with each type, by type name.
    """

    language: Language
    blocks: Sequence[Block]
    state: Mapping[tuple[str, str], Type]
    corpus: Mapping[str, Sequence[Phrase]] = field(default_factory=dict)
    numbers: Mapping[str, Sequence[float]] = field(default_factory=dict)
    _seen: dict[tuple[tuple[str, Type], ...], tuple[Phrase, ...]] = field(default_factory=dict)

    def observables(self, scope: Scope) -> tuple[Phrase, ...]:
        """Names in scope, their fields, methods without arguments and lengths, down to two steps."""
        key = tuple(scope.items())
        known = self._seen.get(key)
        if known is None:
            known = self._seen[key] = tuple(self._reachable(scope))[:_MAX_OBSERVABLES]
        return known

    def _reachable(self, scope: Scope) -> list[Phrase]:
        found = [Phrase(name, type_) for name, type_ in scope.items() if type_ != ANY]
        frontier = found
        for _ in range(2):
            frontier = [step for phrase in frontier for step in self._steps(phrase)]
            found = found + frontier
        return found

    def _steps(self, phrase: Phrase) -> list[Phrase]:
        record = self.language.records.get(phrase.type.name)
        steps = []
        if record is not None and not self.language.members(phrase.type):
            for one in record.fields:
                if self.language.may_be_none(one.type):
                    continue
                steps.append(Phrase(f"{phrase.text}.{one.name}", self.language.attribute(phrase.type, one.name)))
            for method in record.methods:
                if not method.parameters and not self.language.may_be_none(method.result):
                    steps.append(Phrase(f"{phrase.text}.{method.name}()", parse_type(method.result)))
        for (owner, name), type_ in self.state.items():
            if owner == phrase.type.name and type_ != ANY:
                steps.append(Phrase(f"{phrase.text}.{name}", type_))
        if phrase.type.name in ("list", "dict"):
            steps.append(Phrase(f"len({phrase.text})", self.language.count))
        return steps

    def of_type(self, scope: Scope, wanted: Type) -> list[Phrase]:
        """The observables that fit a type."""
        return [phrase for phrase in self.observables(scope) if self.language.fits(phrase.type, wanted)]

    def draw(self, wanted: Type, scope: Scope, rng: Random, *, depth: int = 2, constant: bool = True) -> Phrase | None:
        """An expression of the wanted type, None if nothing fits.

        Args:
            depth: How many levels of composition are left.
            constant: Whether a bare number will do.
        """
        if wanted == BOOL:
            return self.condition(scope, rng, depth=depth)
        options: list[tuple[int, str]] = []
        observed = self.of_type(scope, wanted)
        if wanted == NUMBER and rng.random() < 0.85:
            # A number without a unit is often an identifier, of which little is to be had.
            observed = [phrase for phrase in observed if self.language.is_unit(phrase.type)] or observed
        blocks = [block for block in self.blocks if self._offers(block, wanted)] if depth > 0 else []
        seen = self._seen_before(wanted, scope)
        numeric = self.language.is_number(wanted)
        if observed:
            options.append((4, "observable"))
        if blocks:
            options.append((4, "block"))
        if seen:
            options.append((2, "seen"))
        if numeric and constant:
            options.append((3, "constant"))
        if numeric and depth > 0 and (observed or blocks) and not self.language.members(wanted):
            options.append((2, "composed"))
        tables = [one for one in self.observables(scope) if self._is_table(one.type, wanted)] if depth > 0 else []
        if tables:
            options.append((4, "looked up"))
        if wanted == STR and constant and not options:
            return None
        while options:
            kind = rng.choices([name for _, name in options], [weight for weight, _ in options])[0]
            phrase = self._drawn(kind, wanted, scope, rng, depth, observed, blocks, seen)
            if phrase is not None:
                return phrase
            options = [option for option in options if option[1] != kind]
        return None

    def _drawn(
        self,
        kind: str,
        wanted: Type,
        scope: Scope,
        rng: Random,
        depth: int,
        observed: Sequence[Phrase],
        blocks: Sequence[Block],
        seen: Sequence[Phrase],
    ) -> Phrase | None:
        if kind == "observable":
            return rng.choice(observed)
        if kind == "seen":
            return rng.choice(seen)
        if kind == "constant":
            return Phrase(self.constant(wanted, rng), wanted)
        if kind == "looked up":
            return self._looked_up(wanted, scope, rng)
        if kind == "block":
            block = rng.choice(blocks)
            fillings = self.fill(block, scope, rng, depth=depth - 1)
            return None if fillings is None else Phrase(filled(block, fillings), parse_type(block.type))
        return self._composed(wanted, scope, rng, depth - 1)

    def _is_table(self, type_: Type, wanted: Type) -> bool:
        return type_.name == "dict" and len(type_.args) == 2 and self.language.fits(type_.args[1], wanted)

    def _looked_up(self, wanted: Type, scope: Scope, rng: Random) -> Phrase | None:
        """What a dictionary in scope has for a key in scope, with something else where it has nothing."""
        table = rng.choice([one for one in self.observables(scope) if self._is_table(one.type, wanted)])
        key_type, value_type = table.type.args
        key = self.draw(key_type, scope, rng, depth=0, constant=False)
        other = self.draw(value_type, scope, rng, depth=0)
        if key is None or other is None:
            return None
        return Phrase(f"{table.text}.get({key.text}, {other.text})", value_type)

    def _offers(self, block: Block, wanted: Type) -> bool:
        return block.kind == "expression" and self.language.fits(parse_type(block.type), wanted)

    def _seen_before(self, wanted: Type, scope: Scope) -> list[Phrase]:
        return [
            phrase
            for phrases in self.corpus.values()
            for phrase in phrases
            if self.language.fits(phrase.type, wanted) and self.speakable(phrase.text, scope)
        ]

    def speakable(self, text: str, scope: Scope) -> bool:
        """Whether every name that the text mentions is bound in the scope or given by the interface."""
        return all(name in scope or name in self.language.names or name in _ALWAYS for name in names_in(text))

    def constant(self, type_: Type, rng: Random, *, positive: bool = False) -> str:
        """A number: one seen with the type (or its half or double), a structural one, or any size between 1 and 500."""
        members = self.language.members(type_)
        if members:
            return rng.choice(members)
        seen = self.numbers.get(type_.name, ())
        whole = self.language.is_whole(type_)
        pick = rng.random()
        if seen and pick < 0.4:
            value = rng.choice(seen) * rng.choice((0.5, 1.0, 1.0, 2.0))
        elif pick < 0.65:
            value = float(rng.choice(_STRUCTURAL[1:] if positive else _STRUCTURAL))
        elif type_ == FLOAT and pick < 0.85:
            value = rng.choice((0.1, 0.25, 0.5, 0.75, 0.9, 1.5))
        else:
            value = math.exp(rng.uniform(0.0, math.log(500.0)))
        return number_text(value, whole=whole or value >= 3)

    def _composed(self, wanted: Type, scope: Scope, rng: Random, depth: int) -> Phrase | None:
        left = self.draw(wanted, scope, rng, depth=0, constant=False)
        if left is None:
            left = self.draw(wanted, scope, rng, depth=depth, constant=False)
        if left is None:
            return None
        form = rng.randrange(5)
        if form == 0:
            return Phrase(f"{bracketed(left.text)} / {rng.choice(_FRACTIONS)}", left.type)
        if form == 1:
            return Phrase(f"{bracketed(left.text)} * {self.constant(FLOAT, rng)}", left.type)
        same = left.type if wanted == NUMBER and self.language.is_unit(left.type) else wanted
        right = self.draw(same, scope, rng, depth=depth)
        if right is None or right.text == left.text:
            return None
        if form == 2:
            return Phrase(f"{rng.choice(('min', 'max'))}({left.text}, {right.text})", left.type)
        return Phrase(f"{bracketed(left.text)} {rng.choice('+-')} {bracketed(right.text)}", left.type)

    def condition(self, scope: Scope, rng: Random, *, depth: int = 2) -> Phrase | None:
        """A truth value: a comparison within one unit, a flag, a membership or a list that holds something."""
        pick = rng.random()
        flags = self.of_type(scope, BOOL)
        offered = [block for block in self.blocks if self._offers(block, BOOL)]
        if flags and pick < 0.12:
            flag = rng.choice(flags).text
            return Phrase(rng.choice((flag, f"not {bracketed(flag)}")), BOOL)
        if offered and depth > 0 and pick < 0.3:
            block = rng.choice(offered)
            fillings = self.fill(block, scope, rng, depth=depth - 1)
            if fillings is not None:
                return Phrase(filled(block, fillings), BOOL)
        if pick < 0.36:
            lists = [one for one in self.observables(scope) if one.type.name == "list"]
            if lists:
                return Phrase(rng.choice(("", "not ")) + rng.choice(lists).text, BOOL)
        return self._comparison(scope, rng, depth)

    def _comparison(self, scope: Scope, rng: Random, depth: int) -> Phrase | None:
        left = self.draw(NUMBER, scope, rng, depth=min(depth, 1), constant=False)
        if left is None:
            return None
        if rng.random() < 0.55:
            right: Phrase | None = Phrase(self.constant(left.type, rng), left.type)
        else:
            right = self.draw(left.type, scope, rng, depth=min(depth, 1))
        if right is None or right.text == left.text:
            right = Phrase(self.constant(left.type, rng), left.type)
        operator = rng.choice(("<", "<", "<=", ">", ">", ">=", "=="))
        return Phrase(f"{bracketed(left.text)} {operator} {bracketed(right.text)}", BOOL)

    def fill(self, block: Block, scope: Scope, rng: Random, *, depth: int = 1) -> dict[str, str] | None:
        """Fillings for all holes of a block where `scope` is bound, None if a hole finds nothing.

        A hole sees the names that the block itself binds around it, such as the parameter of a lambda.
        """
        fillings: dict[str, str] = {}
        numbers: set[str] = set()
        bound = dict(scope)
        for hole in holes_of(block):
            bound[hole.stand_in] = hole.type
        for hole in holes_of(block):
            inside, repeated = self._scope_of(block, fillings, hole.stand_in, bound)
            use = use_of(block, hole)
            if use == "value":
                phrase = self._value(hole.type, inside, scope, numbers, rng, depth)
            else:
                phrase = self._place(hole.type, inside, rng, name=use == "name")
            if phrase is None:
                return None
            if self.language.is_number(hole.type):
                numbers.add(phrase.text)
            fillings[hole.name] = bracketed(phrase.text) if repeated else phrase.text
            bound[hole.stand_in] = phrase.type
        return fillings

    def _value(
        self, wanted: Type, inside: Scope, outside: Scope, used: set[str], rng: Random, depth: int
    ) -> Phrase | None:
        """An expression for a hole: no number that the block has already, and no bare constant for the first one.

        Where the block binds names of its own around the hole, most expressions are about these.
        """
        if not self.language.is_number(wanted):
            return self.draw(wanted, inside, rng, depth=depth)
        own = {name: type_ for name, type_ in inside.items() if name not in outside}
        if own and rng.random() < 0.85:
            phrase = self.draw(wanted, own, rng, depth=max(depth, 1), constant=False)
            if phrase is not None:
                return phrase
        for _ in range(3):
            phrase = self.draw(wanted, inside, rng, depth=depth, constant=bool(used))
            if phrase is None or phrase.text not in used:
                return phrase
        return None

    def _place(self, wanted: Type, scope: Scope, rng: Random, *, name: bool) -> Phrase | None:
        """Something that can be assigned or changed in place: a name, or (unless `name`) an attribute too."""
        places = [one for one in self.of_type(scope, wanted) if "(" not in one.text and (not name or one.text in scope)]
        return rng.choice(places) if places else None

    def _scope_of(self, block: Block, fillings: Mapping[str, str], name: str, bound: Scope) -> tuple[Scope, bool]:
        """What is bound at a hole's first mention, without stand-ins, and whether it is ever an operand there."""
        try:
            fragment = cst.parse_module(with_stand_ins(block, fillings))
        except cst.ParserSyntaxError:
            return {}, False
        sites = [
            site
            for site in infer_statements(fragment, bound, self.language, self.state)
            if isinstance(site.node, cst.Name) and site.node.value == name
        ]
        scopes: list[Scope] = [site.scope for site in sites] or [bound]
        common = {
            key: type_
            for key, type_ in scopes[0].items()
            if not (key.startswith("hole_") and key.endswith("_")) and all(key in other for other in scopes)
        }
        return common, any(site.operand for site in sites)

    def key(self, element: Type, item: str, rng: Random) -> str | None:
        """A sort key over an item of a list: a number, often negated or joined to a second one."""
        inner = {item: element}
        first = self._about(item, inner, rng)
        if first is None:
            return None
        signed = f"-{bracketed(first)}" if rng.random() < 0.3 else first
        second = self._about(item, inner, rng) if rng.random() < 0.25 else None
        if second is None or second == first:
            return signed
        if rng.random() < 0.5:
            return f"({signed}, {second})"
        weight = self.constant(NUMBER, rng, positive=True)
        return f"{signed if signed == first else bracketed(signed)} + {weight} * {bracketed(second)}"

    def _about(self, item: str, inner: Scope, rng: Random) -> str | None:
        for _ in range(4):
            phrase = self.draw(NUMBER, inner, rng, depth=1, constant=False)
            if phrase is not None and item in names_in(phrase.text):
                return phrase.text
        return None

    def lists(self, scope: Scope) -> list[Phrase]:
        """Lists in scope that are the program's to sort: names and attributes of its own, of a known item type."""
        return [
            phrase
            for phrase in self.observables(scope)
            if phrase.type.name == "list"
            and element_of(phrase.type) != ANY
            and (phrase.text in scope or self._is_state(phrase.text, scope))
        ]

    def _is_state(self, text: str, scope: Scope) -> bool:
        owner, _, attribute = text.rpartition(".")
        return owner in scope and (scope[owner].name, attribute) in self.state
