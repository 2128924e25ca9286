"""A corpus of imperfect answers of the kinds that models give, made by rules from real programs, and some by hand.

Each answer knows the program that its author meant, or that it holds none. A rule gets a change of a program and
writes it down as models do.
"""

from __future__ import annotations

import ast
import difflib
import html
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

from thekla.core.program import Program
from thekla.core.rng import stream

SOURCES: Mapping[str, str] = {
    "fifo": "problems/lakehouse/seeds/fifo.py",
    "shortest": "problems/lakehouse/baselines/shortest_first.py",
    "naive": "simulators/lakehouse/policies/naive.py",
    "overbook": "simulators/lakehouse/policies/overbook.py",
    "priority": "simulators/lakehouse/policies/priority.py",
    "priority-pool": "simulators/lakehouse/policies/priority_pool.py",
}
NAMES = ("schedule",)
OPTIONAL = ("init",)
PROSE = "The queue should be served by class. I will change the size so that more containers fit, which helps latency."


@dataclass(frozen=True, kw_only=True)
class Change:
    """Lines `start` to `end` of a program become `new`."""

    name: str
    text: str
    start: int
    end: int
    new: tuple[str, ...]

    @property
    def lines(self) -> list[str]:
        """The program before."""
        return self.text.split("\n")

    @property
    def old(self) -> list[str]:
        """The lines that are changed."""
        return self.lines[self.start : self.end]

    @property
    def meant(self) -> str:
        """The program after."""
        lines = self.lines
        lines[self.start : self.end] = self.new
        return "\n".join(lines)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer; `meant` is the program that its author meant, None if it holds none."""

    rule: str
    change: str
    parent: Program
    text: str
    meant: str | None


Rule = Callable[[Change], "str | None"]


def changes() -> Iterator[Change]:
    """A change of some statements inside a function of each program: a constant, an added line or a dropped one."""
    for name, path in SOURCES.items():
        text = files("thekla").joinpath(path).read_text(encoding="utf-8")
        lines = text.split("\n")
        places = [
            (first.lineno - 1, last.end_lineno or last.lineno)
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.FunctionDef | ast.For)
            for first, last in zip(node.body, node.body[1:], strict=False)
            if 3 <= (last.end_lineno or 0) - first.lineno + 1 <= 12 and not isinstance(first, ast.Expr)
        ]
        rng = stream(7, "changes", name)
        start, end = rng.choice(places)
        yield Change(name=name, text=text, start=start, end=end, new=_changed(lines[start:end]))


def _changed(old: Sequence[str]) -> tuple[str, ...]:
    """The lines with one more statement before them, and their first number raised."""
    indent = re.match(r"\s*", old[0])
    assert indent is not None
    raised, done = [], False
    for line in old:
        changed = line if done else re.sub(r"\b(\d+)\b", lambda found: str(int(found[1]) + 1), line, count=1)
        done = done or changed != line
        raised.append(changed)
    return (f"{indent[0]}checked = True", *raised)


def _block(old: Sequence[str], new: Sequence[str]) -> str:
    return "\n".join(["<<<<<<< SEARCH", *old, "=======", *new, ">>>>>>> REPLACE"])


def _both(change: Change, alter: Callable[[str], str]) -> str:
    return _block([alter(line) for line in change.old], [alter(line) for line in change.new])


def _dedent(change: Change) -> str:
    column = len(change.old[0]) - len(change.old[0].lstrip())
    return _both(change, lambda line: line[column:] if line[:column].isspace() or not line else line.lstrip())


def _tabs(line: str) -> str:
    column = len(line) - len(line.lstrip())
    return "\t" * (column // 4) + " " * (column % 4) + line.lstrip()


def _misquoted(change: Change) -> str:
    """One quoted line has a typo: a letter of its longest word is lost."""
    at = max(range(len(change.old)), key=lambda i: len(change.old[i].strip()))
    word = max(re.findall(r"\w+", change.old[at]), key=len)
    old = list(change.old)
    old[at] = old[at].replace(word, word[:-2] + word[-1], 1)
    return _block(old, change.new)


def _other_comment(change: Change) -> str:
    return _block([f"{line}  # was here before" if i == 1 else line for i, line in enumerate(change.old)], change.new)


def _elided(change: Change) -> str | None:
    """The middle of the quotation is left out on both sides."""
    if len(change.old) < 5 or change.old[1:-1] != list(change.new[2:-1]) or change.old[-1] != change.new[-1]:
        return None
    return _block([change.old[0], "    # ...", change.old[-1]], [*change.new[:2], "    # ...", change.new[-1]])


def _unspaced(change: Change) -> str:
    return _block([re.sub(r" ([=<>+*/-]+) ", r"\1", line) for line in change.old], change.new)


def _diff(change: Change, *, before: int = 3) -> list[str]:
    return list(
        difflib.unified_diff(
            change.lines, change.meant.split("\n"), "a/program.py", "b/program.py", n=before, lineterm=""
        )
    )


def _function_of(change: Change, text: str) -> str | None:
    """The top-level function around the change, as it is in `text`."""
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef) and node.lineno - 1 <= change.start < (node.end_lineno or 0):
            return "\n".join(text.split("\n")[node.lineno - 1 : node.end_lineno])
    return None


def _only_function(change: Change) -> str | None:
    function = _function_of(change, change.meant)
    return f"Only this function changes:\n\n```python\n{function}\n```\n" if function else None


def _fence(text: str, info: str = "python", mark: str = "```") -> str:
    return f"{mark}{info}\n{text.rstrip()}\n{mark}"


EDITS: Mapping[str, Rule] = {
    "edit": lambda c: _block(c.old, c.new),
    "edit in prose": lambda c: f"{PROSE}\n\n{_block(c.old, c.new)}\n\nThis should help.",
    "edit in a fence": lambda c: f"{PROSE}\n\n{_fence(_block(c.old, c.new))}",
    "edit with a path": lambda c: f"program.py\n{_fence(_block(c.old, c.new))}",
    "edit, fences inside": lambda c: _block(["```python", *c.old, "```"], ["```python", *c.new, "```"]),
    "edit, trailing spaces": lambda c: _block([f"{line}  " for line in c.old], c.new),
    "edit, dedented": _dedent,
    "edit, indented more": lambda c: _both(c, lambda line: f"    {line}" if line else line),
    "edit, tabs": lambda c: _both(c, _tabs),
    "edit, blank lines added": lambda c: _block([c.old[0], "", *c.old[1:]], c.new),
    "edit, blank edges": lambda c: _block(["", *c.old, ""], ["", *c.new, ""]),
    "edit, typo": _misquoted,
    "edit, other comment": _other_comment,
    "edit, no spaces at operators": _unspaced,
    "edit, line left out": lambda c: _block([*c.old[:1], *c.old[2:]], c.new) if len(c.old) > 5 else None,
    "edit, line numbers": lambda c: _block([f"{c.start + i + 1:4d} | {x}" for i, x in enumerate(c.old)], c.new),
    "edit, elided": _elided,
    "edit, other marks": lambda c: "\n".join(["<<<<<<<<< ORIGINAL", *c.old, "=========", *c.new, ">>>>>>>>> UPDATED"]),
    "edit, indented marks": lambda c: "\n".join(["  <<<<<<< SEARCH", *c.old, "  =======", *c.new, "  >>>>>>> REPLACE"]),
    "edit, no end mark": lambda c: _fence(_block(c.old, c.new).removesuffix("\n>>>>>>> REPLACE")),
    "edit, Windows lines": lambda c: _block(c.old, c.new).replace("\n", "\r\n"),
    "edit, hard spaces": lambda c: _both(c, lambda line: line.replace("    ", "\xa0\xa0\xa0\xa0")),
    "edit in tags": lambda c: "<search>\n{}\n</search>\n<replace>\n{}\n</replace>".format(
        "\n".join(c.old), "\n".join(c.new)
    ),
    "edit after thoughts": lambda c: (
        f"<think>\nPerhaps\n{_fence('def schedule(): pass')}\n</think>\n{_block(c.old, c.new)}"
    ),
    "two edits": lambda c: (
        _block(c.old, c.new) + "\n\n" + _block([c.lines[0]], [c.lines[0]]) if c.lines.count(c.lines[0]) == 1 else None
    ),
}

DIFFS: Mapping[str, Rule] = {
    "diff": lambda c: _fence("\n".join(_diff(c)), "diff"),
    "diff without fence": lambda c: f"{PROSE}\n\n" + "\n".join(_diff(c)),
    "diff, wrong numbers": lambda c: re.sub(r"@@ -\d+,\d+ \+\d+,\d+ @@", "@@ -1,7 +1,9 @@", "\n".join(_diff(c))),
    "diff, bare hunks": lambda c: re.sub(r"@@ .* @@", "@@", "\n".join(_diff(c))),
    "diff, no header": lambda c: _fence("\n".join(_diff(c)[2:]), "diff"),
    "diff, no leading space": lambda c: "\n".join(
        line[1:] if line.startswith(" ") and line[1:2] not in "+-@ " else line for line in _diff(c)
    ),
    "diff, trimmed blanks": lambda c: "\n".join(line.rstrip() for line in _diff(c)),
    "diff, little context": lambda c: _fence("\n".join(_diff(c, before=1)), "diff"),
}

WHOLE: Mapping[str, Rule] = {
    "program": lambda c: _fence(c.meant),
    "program in prose": lambda c: f"{PROSE}\n\n{_fence(c.meant)}\n\nThe size is larger now.",
    "program, no language": lambda c: _fence(c.meant, ""),
    "program, tildes": lambda c: _fence(c.meant, "python", "~~~"),
    "program, py": lambda c: _fence(c.meant, "py"),
    "program, four backticks": lambda c: _fence(c.meant, "python", "````"),
    "program without fence": lambda c: c.meant,
    "program without fence, in prose": lambda c: f"{PROSE}\n\n{c.meant}\n\nIt should be better now, I think.",
    "program, escaped": lambda c: _fence(html.escape(c.meant, quote=False)) if re.search("[<>&]", c.meant) else None,
    "program, smart quotes": lambda c: (
        _fence(c.meant.replace('"', "\u201d")) if '"' in c.meant and "'" not in c.meant else None
    ),
    "program in tags": lambda c: f"<reasoning>\n{PROSE}\n</reasoning>\n<code>\n{c.meant}\n</code>",
    "program in JSON": lambda c: json.dumps({"reasoning": PROSE, "code": c.meant}),
    "program, fence left open": lambda c: f"{PROSE}\n```python\n{c.meant}",
    "program after the old one": lambda c: f"Before:\n{_fence(c.text)}\nAfter:\n{_fence(c.meant)}",
    "program before its use": lambda c: f"{_fence(c.meant)}\nUse it so:\n{_fence('print(schedule(s, [], []))')}",
    "program before a shell": lambda c: f"{_fence(c.meant)}\nThen run\n{_fence('python program.py', 'bash')}",
    "program in a list": lambda c: "1. Here:\n\n" + "\n".join(f"   {x}" for x in _fence(c.meant).split("\n")),
    "program, numbered": lambda c: _fence("\n".join(f"{i:3d}| {x}" for i, x in enumerate(c.meant.split("\n"), 1))),
    "program, quoted": lambda c: _fence("\n".join(f"> {x}" for x in c.meant.rstrip().split("\n"))),
    "program, Windows lines": lambda c: _fence(c.meant).replace("\n", "\r\n"),
    "one function": _only_function,
}

NONE: Mapping[str, Rule] = {
    "prose": lambda c: PROSE,
    "prose with words of code": lambda c: "def schedule should first sort, then for each pipeline in pipelines assign.",
    "pseudo-code": lambda c: _fence("for each pipeline:\n    if fits then start it\nreturn assignments"),
    "another language": lambda c: _fence("function schedule(s, results, pipelines) {\n  return [[], []];\n}", "js"),
    "program cut short": lambda c: _fence(
        "\n".join([*c.meant.split("\n")[: c.start], "    # ... rest of the code is unchanged ..."])
    ),
    "edit of nothing": lambda c: _block([], ["    checked = True"]),
    "edit of a stranger": lambda c: _block(["    total = sum(each.weight for each in backlog)"], ["    total = 0"]),
    "edit without divider": lambda c: "\n".join(["<<<<<<< SEARCH", *c.old, *c.new, ">>>>>>> REPLACE"]),
    "diff of nothing": lambda c: _fence(
        "--- a/program.py\n+++ b/program.py\n@@ -5,0 +6,1 @@\n+    checked = True", "diff"
    ),
    "edit that breaks the program": lambda c: _block(c.old, [*c.new, "    ) oops ("]),
}


def corpus() -> list[Answer]:
    """All answers."""
    found = []
    for change in changes():
        for rules, usable in ((EDITS, True), (DIFFS, True), (WHOLE, True), (NONE, False)):
            for rule, write in rules.items():
                text = write(change)
                if text is not None:
                    meant = change.meant if usable else None
                    parent = Program.from_text(change.text)
                    found.append(Answer(rule=rule, change=change.name, parent=parent, text=text, meant=meant))
    return found


def exact_matcher(answer: Answer) -> str | None:
    """What a plain reader makes of an answer: literal marks and literal text, else the first fenced Python block."""
    pattern = re.compile(r"<<<<<<< SEARCH\n(.*?)=======\n(.*?)>>>>>>> REPLACE", re.DOTALL)
    text = answer.parent.text
    edits = pattern.findall(answer.text)
    for old, new in edits:
        if text.count(old) != 1:
            return None
        text = text.replace(old, new)
    if edits:
        return text
    block = re.search(r"```python\n(.*?)```", answer.text, re.DOTALL)
    return block[1] if block else None


def same(a: str, b: str) -> bool:
    """Whether two texts are the same program but for layout and comments."""
    if a.split() == b.split():
        return True
    try:
        return ast.dump(ast.parse(a)) == ast.dump(ast.parse(b))
    except (SyntaxError, ValueError):
        return False
