"""The parts of a prompt: each has text to read and the same content as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from thekla.core.evaluation import Outcome, Scored
from thekla.core.problem import Function, Interface, Method, Problem, Vocabulary
from thekla.core.program import Candidate
from thekla.core.run import Section, Ticket
from thekla.core.values import Data
from thekla.prompting.example import example_call
from thekla.prompting.history import Fold, Setback, first_line, who_made
from thekla.prompting.tokens import estimate_tokens

__all__ = [
    "credit_section",
    "failures_section",
    "hints_section",
    "inspirations_section",
    "interface_section",
    "lineage",
    "operators_section",
    "parent_section",
    "progress_section",
    "section",
    "statement_section",
    "tried_section",
    "vocabulary_section",
]

_MOST_FAILURES = 8
_MOST_IDEAS = 3
_MOST_INSTANCES = 40
_ANCESTORS = 8


def section(name: str, text: str, data: Data = None) -> Section:
    """A section with its estimated length."""
    return Section(name=name, text=text, data=data, tokens=estimate_tokens(text))


def statement_section(problem: Problem) -> Section:
    """What is to be solved, and which objective counts."""
    lines = [f"# Problem: {problem.name}", "", problem.statement.strip(), "", "## Objectives"]
    lines += [f"- {one.direction} {one.name} ({one.unit}): {one.aggregate} of instances" for one in problem.objectives]
    data: dict[str, Data] = {
        "problem": problem.name,
        "objectives": [{"name": one.name, "unit": one.unit, "direction": one.direction} for one in problem.objectives],
    }
    if problem.constraints:
        lines += ["", "## Constraints", "A program that keeps to all of them is preferred to any that does not."]
        lines += [f"- {constraint}" for constraint in problem.constraints]
        data["constraints"] = [str(constraint) for constraint in problem.constraints]
    return section("statement", "\n".join(lines), data)


def _signature(function: Function | Method) -> str:
    parameters = ", ".join(f"{one.name}: {one.type}" for one in function.parameters)
    return f"{function.name}({parameters}) -> {function.result}"


def _documented(text: str, doc: str) -> str:
    return f"{text}  # {doc}" if doc else text


def interface_section(interface: Interface) -> Section:
    """The functions to define and the types that they meet, with units and an example call."""
    lines = ["## Interface", "A program defines:", "```python"]
    lines += [_documented(f"def {_signature(one)}", one.doc) for one in interface.functions]
    lines += ["```", "It may use:", "```python"]
    for record in interface.types:
        lines.append(_documented(f"class {record.name}:", record.doc))
        lines += [_documented(f"    {one.name}: {one.type}", one.doc) for one in record.fields]
        lines += [_documented(f"    def {_signature(one)}", one.doc) for one in record.methods]
    lines += [f"{name}: {type_}" for name, type_ in interface.names.items()]
    lines += ["```", f"Types that are numbers: {', '.join(interface.numbers)}."]
    if interface.modules is not None:
        lines.append(f"It may import nothing but: {', '.join(interface.modules) or 'nothing at all'}.")
    if interface.forbidden:
        lines.append(f"It must not use, and is refused for: {', '.join(interface.forbidden)}.")
    if interface.wheels:
        lines.append(f"Imports besides the standard library: {', '.join(interface.wheels)}.")
    if example := example_call(interface):
        lines += ["A call may look like this, with values made up:", "```python", example, "```"]
    functions = [_signature(one) for one in interface.functions]
    return section("interface", "\n".join(lines), {"functions": functions, "names": dict(interface.names)})


def vocabulary_section(vocabulary: Vocabulary) -> Section:
    """The building blocks that the problem declares."""
    if not vocabulary.blocks:
        return section("vocabulary", "", [])
    lines = ["## Building blocks", "Parts in braces are typed holes."]
    for block in vocabulary.blocks:
        typed = f" of type {block.type}" if block.kind == "expression" else ""
        lines += [_documented(f"- {block.name} ({block.kind}{typed})", block.doc), f"```python\n{block.text}\n```"]
    return section("vocabulary", "\n".join(lines), [block.name for block in vocabulary.blocks])


def _outcome_of(candidate: Candidate, fold: Fold) -> Outcome | None:
    told = fold.by_candidate.get(candidate.id)
    return told.outcome if told is not None else None


def _scores(outcome: Outcome | None) -> dict[str, float]:
    return dict(outcome.scores) if isinstance(outcome, Scored) else {}


def parent_section(ticket: Ticket, fold: Fold) -> Section:
    """The program to change, with its scores per instance."""
    if not ticket.parents:
        return section("parent", "There is no program yet: write one.", None)
    parent = ticket.parents[0]
    outcome = _outcome_of(parent, fold)
    lines = ["## Program to improve", f"```python\n{parent.program.text.rstrip()}\n```"]
    instances: dict[str, Data] = {}
    if isinstance(outcome, Scored):
        lines.append("Scores: " + ", ".join(f"{name} = {value:.6g}" for name, value in outcome.scores.items()))
        for name, result in list(outcome.instances.items())[:_MOST_INSTANCES]:
            instances[name] = dict(result.scores)
            shown = ", ".join(f"{objective} = {value:.6g}" for objective, value in result.scores.items())
            lines.append(f"- {name}: {shown}{'; ' + first_line(result.feedback) if result.feedback else ''}")
    data: Data = {
        "id": parent.id,
        "program": parent.program.id,
        "operator": parent.operator,
        "scores": _scores(outcome),
        "instances": instances,
    }
    return section("parent", "\n".join(lines), data)


def inspirations_section(ticket: Ticket, fold: Fold) -> Section:
    """Other programs worth a look: further parents first."""
    others: Sequence[Candidate] = (*ticket.parents[1:], *ticket.inspirations)
    lines = ["## Other programs"] if others else []
    data: list[Data] = []
    for other in others:
        scores = _scores(_outcome_of(other, fold))
        shown = ", ".join(f"{name} = {value:.6g}" for name, value in scores.items()) or "not scored"
        lines.append(f"{other.id} ({shown}):\n```python\n{other.program.text.rstrip()}\n```")
        data.append({"id": other.id, "program": other.program.id, "scores": scores})
    return section("inspirations", "\n".join(lines), data)


def hints_section(ticket: Ticket) -> Section:
    """The hints that the strategy has switched on."""
    text = "\n".join(["## Hints", *(f"- {hint}" for hint in ticket.hints)]) if ticket.hints else ""
    return section("hints", text, list(ticket.hints))


def operators_section(fold: Fold) -> Section:
    """What each kind of edit has earned so far."""
    data: dict[str, Data] = {}
    rows: list[tuple[float, str]] = []
    for name, credit in sorted(fold.credit.items()):
        tried, improved, failed, gain = [round(value, 3) for value in credit.at(fold.evaluations)]
        data[name] = {"tried": tried, "improved": improved, "failed": failed, "gain": gain}
        rows.append((-improved, f"- {name}: tried {tried:.0f}, improved {improved:.1f}, failed {failed:.1f}"))
    lines = ["## Edits so far (recent ones count more)", *(row for _, row in sorted(rows))] if rows else []
    return section("operators", "\n".join(lines), data)


def credit_section(fold: Fold) -> Section:
    """What each kind of answer has earned, by who made it: data for generators, no text."""
    earned: dict[str, tuple[float, float]] = {}
    for name, credit in fold.credit.items():
        tried, improved, _, _ = credit.at(fold.evaluations)
        who = who_made(name)
        before = earned.get(who, (0.0, 0.0))
        earned[who] = before[0] + tried, before[1] + improved
    data: dict[str, Data] = {
        who: {"tried": round(tried, 3), "improved": round(improved, 3)} for who, (tried, improved) in earned.items()
    }
    return section("credit", "", data)


def lineage(ticket: Ticket, fold: Fold) -> list[Candidate]:
    """The first parent and its own first parents, youngest first."""
    line: list[Candidate] = list(ticket.parents[:1])
    while line and len(line) < _ANCESTORS:
        told = fold.by_candidate.get(line[-1].id)
        if told is None or not told.ticket.parents:
            break
        line.append(told.ticket.parents[0])
    return line


def failures_section(ticket: Ticket, fold: Fold) -> Section:
    """What was tried on this lineage and failed: each class of error once with its ideas, most frequent first."""
    found: dict[tuple[str, str], list[Setback]] = {}
    for ancestor in lineage(ticket, fold):
        for key, setback in fold.setbacks.get(ancestor.program.id, {}).items():
            found.setdefault(key, []).append(setback)
    ranked = sorted(found.items(), key=lambda pair: (-sum(one.count for one in pair[1]), pair[0]))[:_MOST_FAILURES]
    lines = ["## What failed from here"] if ranked else []
    data: list[Data] = []
    for (kind, _), setbacks in ranked:
        count, first = sum(one.count for one in setbacks), setbacks[0]
        ideas = list(dict.fromkeys(idea for one in setbacks for idea in one.ideas))[:_MOST_IDEAS]
        how = f" (tried: {'; '.join(ideas)})" if ideas else f" (after {first.operator})" if first.operator else ""
        lines.append(f"- {count} x {kind}: {first.message}{how}")
        data.append({"kind": kind, "message": first.message, "operator": first.operator, "count": count})
    return section("failures", "\n".join(lines), data)


def tried_section(ticket: Ticket, fold: Fold) -> Section:
    """Prefixes of the ids of programs that were made from this parent before: the latest 256."""
    prefixes = list(fold.tried.get(ticket.parents[0].program.id, ())) if ticket.parents else []
    text = f"At least {len(prefixes)} programs were made from this one before; propose another." if prefixes else ""
    return section("tried", text, prefixes)


def progress_section(fold: Fold, *, patience: int) -> Section:
    """How long ago the best program was found, and whether the search is stuck."""
    since = fold.evaluations - fold.improved_at
    stagnant = fold.best is not None and since >= patience
    scores: Mapping[str, float] = _scores(fold.best.outcome if fold.best is not None else None)
    shown = ", ".join(f"{name} = {value:.6g}" for name, value in scores.items())
    text = ""
    if shown:
        text = f"## Progress\nBest so far: {shown}; found {since} evaluations ago."
        text += " The search is stuck: make a larger change." if stagnant else ""
    data: Data = {
        "evaluations": fold.evaluations,
        "since_improvement": since,
        "stagnant": stagnant,
        "best": dict(scores),
    }
    return section("progress", text, data)
