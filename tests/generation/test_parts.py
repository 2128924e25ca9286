"""Inference, grammar, checks and credit, each by itself."""

from __future__ import annotations

import libcst as cst
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thekla.core.problem import Block
from thekla.core.rng import stream
from thekla.core.values import Data
from thekla.generation.mutation.checks import facts_of, objection
from thekla.generation.mutation.credit import operator_weights
from thekla.generation.mutation.grammar import Grammar, bracketed, number_text
from thekla.generation.mutation.holes import filled, holes_of, use_of, with_stand_ins
from thekla.generation.mutation.inference import Analysis, analyse
from thekla.generation.mutation.operators import operators_for
from thekla.generation.mutation.tree import code_of, node_at, parse_expression, replace_expression
from thekla.generation.mutation.typesystem import BOOL, FLOAT, INT, NUMBER, Language, Type, list_of, parse_type

from .toys import CACHE, FIFO, LRU, SCHEDULER, SCHEDULER_BLOCKS

LANGUAGE = Language(SCHEDULER)
GB, CPU = Type("gb"), Type("cpu")


def analysed(text: str, language: Language = LANGUAGE) -> Analysis:
    return analyse(cst.parse_module(text), language)


def types_in(analysis: Analysis) -> dict[str, Type]:
    return {code_of(site.node): site.type for site in analysis.expressions}


@pytest.mark.parametrize(
    ("annotation", "type_"),
    [
        ("gb", GB),
        ("gb | None", GB),
        ("Optional[list[Pool]]", list_of(Type("Pool"))),
        ("Sequence[gb]", list_of(GB)),
        ("Mapping[str, gb]", Type("dict", (Type("str"), GB))),
        ("Callable[[gb, cpu], Order]", Type("Callable", (GB, CPU, Type("Order")))),
        ("tuple[int, ...]", Type("tuple", (INT, INT))),
        ("not a type", Type("any")),
    ],
)
def test_annotations_are_read(annotation: str, type_: Type) -> None:
    assert parse_type(annotation) == type_


def test_units_survive_sums_and_scalings_and_cancel_in_ratios() -> None:
    assert LANGUAGE.arithmetic("+", GB, INT) == GB
    assert LANGUAGE.arithmetic("*", FLOAT, GB) == GB
    assert LANGUAGE.arithmetic("//", GB, INT) == GB
    assert LANGUAGE.arithmetic("/", GB, GB) == FLOAT
    assert not LANGUAGE.fits(CPU, GB)
    assert LANGUAGE.fits(CPU, NUMBER)
    assert not LANGUAGE.fits(BOOL, NUMBER)


def test_types_flow_from_interface_through_state_loops_and_calls() -> None:
    analysis = analysed(FIFO)
    assert analysis.state["State", "waiting"] == list_of(Type("Pipeline"))
    types = types_in(analysis)
    assert types["s.waiting.pop(0)"] == Type("Pipeline")
    assert types["pool.avail_ram_pool"] == GB
    assert types["want_ram"] == GB
    assert types["status.get_ops(ASSIGNABLE_STATES, require_parents_complete=True)[:1]"] == list_of(Type("Operator"))


def test_lambda_and_comprehension_parameters_have_the_item_type() -> None:
    types = types_in(
        analysed(
            "def victim(cache, entries, now_s):\n"
            "    entries.sort(key=lambda one: one.hits)\n"
            "    big = [entry for entry in entries if entry.size > 10]\n"
            "    best = max(big, key=lambda other: other.last_used_s)\n"
            "    return best.key\n",
            Language(CACHE),
        )
    )
    assert types["one.hits"] == Type("count")
    assert types["entry.size"] == Type("bytes_")
    assert types["other.last_used_s"] == Type("seconds")
    assert types["best"] == Type("Entry")


def test_numbers_take_the_unit_of_their_place() -> None:
    analysis = analysed(
        "def schedule(s, results, pipelines):\n"
        "    for pool in s.executor.pools:\n"
        "        if pool.avail_ram_pool < 7:\n"
        "            x = pool.avail_cpu_pool - 9\n"
    )
    sites = {code_of(site.node): site.known for site in analysis.expressions}
    assert sites["7"] == GB
    assert sites["9"] == CPU


def test_every_site_is_where_its_path_says() -> None:
    for text, language in ((FIFO, LANGUAGE), (LRU, Language(CACHE))):
        analysis = analysed(text, language)
        assert analysis.expressions
        for site in analysis.expressions:
            assert node_at(analysis.module, site.path) is site.node


def test_replaced_operand_gets_brackets() -> None:
    module = cst.parse_module("x = a * b\n")
    changed = replace_expression(module, ("body", 0, "body", 0, "value", "left"), "c + d", operand=True)
    assert changed is not None
    assert changed.code == "x = (c + d) * b\n"


@given(seed=st.integers(0, 2**32 - 1))
def test_drawn_expressions_parse_and_mention_only_what_is_in_scope(seed: int) -> None:
    grammar = Grammar(language=LANGUAGE, blocks=SCHEDULER_BLOCKS, state={})
    scope = {"ram": GB, "pool": Type("Pool"), "pipeline": Type("Pipeline"), "queue": list_of(Type("Pipeline"))}
    rng = stream(seed, "test")
    for wanted in (GB, NUMBER, BOOL, CPU, Type("count")):
        phrase = grammar.draw(wanted, scope, rng)
        assert phrase is not None
        assert parse_expression(phrase.text) is not None
        assert LANGUAGE.fits(phrase.type, wanted)
        assert grammar.speakable(phrase.text, scope)


def test_sizes_of_one_unit_are_not_drawn_for_another() -> None:
    grammar = Grammar(language=LANGUAGE, blocks=(), state={})
    for seed in range(200):
        phrase = grammar.draw(GB, {"ram": GB, "cpu": CPU}, stream(seed, "test"))
        assert phrase is not None
        assert "cpu" not in phrase.text


def test_key_hole_sees_the_parameter_of_its_lambda() -> None:
    block = next(block for block in SCHEDULER_BLOCKS if block.name == "sort_queue")
    grammar = Grammar(language=LANGUAGE, blocks=SCHEDULER_BLOCKS, state={})
    keys = set()
    for seed in range(60):
        fillings = grammar.fill(block, {"queue": list_of(Type("Pipeline"))}, stream(seed, "test"))
        assert fillings is not None
        assert fillings["queue"] == "queue"
        keys.add(fillings["key"])
    assert "item.rank" in keys
    assert "item.runtime_status().remaining" in keys


def test_assigned_holes_are_filled_with_names() -> None:
    block = Block(name="b", kind="statement", type="", text="{size: gb} = min({size: gb}, {limit: gb})")
    size, limit = holes_of(block)
    assert use_of(block, size) == "name"
    assert use_of(block, limit) == "value"
    grammar = Grammar(language=LANGUAGE, blocks=(), state={})
    for seed in range(40):
        fillings = grammar.fill(block, {"ram": GB, "pool": Type("Pool")}, stream(seed, "test"))
        assert fillings is not None
        assert fillings["size"] == "ram"


def test_equal_hole_names_are_filled_alike() -> None:
    block = Block(name="b", kind="expression", type="gb", text="{a: gb} + {a: gb} * {b: gb}")
    assert [hole.name for hole in holes_of(block)] == ["a", "b"]
    assert filled(block, {"a": "x", "b": "y"}) == "x + x * y"
    assert with_stand_ins(block, {"a": "x"}) == "x + x * hole_b_"


@pytest.mark.parametrize(
    ("value", "whole", "text"),
    [(3.7, True, "4"), (0.123456, False, "0.12"), (12.345, False, "12.3"), (512.7, False, "513")],
)
def test_numbers_are_written_as_a_reader_would(value: float, whole: bool, text: str) -> None:
    assert number_text(value, whole=whole) == text


def test_only_operations_need_brackets() -> None:
    assert bracketed("a.b(c)") == "a.b(c)"
    assert bracketed("a + b") == "(a + b)"
    assert bracketed("(a + b)") == "(a + b)"


BASE = "def f(x):\n    y = x  # thekla: fixed\n    return y\n"


@pytest.mark.parametrize(
    ("child", "why"),
    [
        ("def f(x):\n    y = x  # thekla: fixed\n    return y + 1\n", ""),
        ("def f(x):\n    # a remark\n    y = x  # thekla: fixed\n\n    return  y\n", "equals its parent"),
        ("def f(x):\n    y = 2 * x  # thekla: fixed\n    return y\n", "fixed line"),
        ("def f(x):\n    y = x  # thekla: fixed\n    return z\n", "reads z"),
        ("def f(x):\n    if x:\n        z = 1\n    y = x  # thekla: fixed\n    return z\n", "reads z"),
        ("def f(x, w):\n    y = x  # thekla: fixed\n    return y\n", "parameters"),
        ("def f(x):\n    y = x  # thekla: fixed\n    continue\n", "does not compile"),
    ],
)
def test_children_are_objected_to(child: str, why: str) -> None:
    parent = facts_of(BASE, ())
    assert parent is not None
    found = objection(facts_of(child, ()), parent)
    assert why in found
    assert bool(why) == bool(found)


@pytest.mark.parametrize(
    "text",
    [
        "def f(x):\n    for i in x:\n        last = i\n    else:\n        last = 0\n"
        "    return [j for j in x if (k := j)]\n",
        "def f(x):\n    if x:\n        y = 1\n    else:\n        raise ValueError\n    return y\n",
        "def f(x):\n    def g():\n        return x + h\n    h = 1\n    return lambda a: a + h + len(x)\n",
        "def f(x):\n    with open(x) as y, y as z:\n        import os.path as p, sys\n    return p, sys, z\n",
        "def f(x):\n    try:\n        y = x\n    except KeyError as error:\n        return error\n    return y\n",
    ],
)
def test_sound_programs_read_nothing_unbound(text: str) -> None:
    facts = facts_of(text, ())
    assert facts is not None
    assert not facts.unbound


def test_operators_that_earn_are_chosen_more_and_none_dies_out() -> None:
    operators = operators_for(SCHEDULER_BLOCKS)
    names = [operator.name for operator in operators]
    assert len(set(names)) == len(names)
    base = dict(zip(names, operator_weights(operators, None), strict=True))
    credit: Data = {
        "cap": {"tried": 40, "improved": 12, "failed": 0, "gain": 3.0},
        "delete": {"tried": 40, "improved": 0, "failed": 35, "gain": 0.0},
    }
    weights = dict(zip(names, operator_weights(operators, credit), strict=True))
    assert weights["cap"] > 1.5 * base["cap"]
    assert 0.1 * base["delete"] < weights["delete"] < 0.6 * base["delete"]
    assert sum(weights.values()) == pytest.approx(1.0)


@pytest.mark.parametrize("credit", [None, [], "x", {"cap": 3}, {"cap": {"tried": "many", "improved": -1}}])
def test_senseless_credit_counts_as_no_experience(credit: Data) -> None:
    operators = operators_for(())
    assert operator_weights(operators, credit) == operator_weights(operators, None)
