"""Where in a program an edit belongs: the text that a model quotes is often not quite the program's.

The order is exact, then equal but for white space, then indented otherwise, then nearly equal. At each step one place
is an anchor, and more than one is refused: an edit in the wrong place is worse than none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache

__all__ = ["Anchor", "Misfit", "indent_of", "locate", "reindented", "trimmed"]

_ENOUGH = 0.8  # of the quoted characters that must be found again, in order
_CLEAR = 0.08  # by so much the best place must beat any other
_ALIKE = 0.6  # two lines below this are not the same line
_SKIPPED = 0.25  # cost of a line of the program that the quotation leaves out, in mean quoted lines
_LATEST_BEGIN = 3  # quoted lines of which one must be found at the place where an alignment begins
_TAB = 4
_COMMENT = re.compile(r"(?<=\S) +#[^'\"]*$")


@dataclass(frozen=True, kw_only=True)
class Anchor:
    """The lines `start` to `end` (exclusive, from 0) of a program, found as `how` says.

    Args:
        shift: Columns by which the program is indented more than the quotation.
    """

    start: int
    end: int
    how: str
    shift: int = 0


@dataclass(frozen=True, kw_only=True)
class Misfit:
    """Why a quotation has no anchor, in words for the model."""

    reason: str


def locate(quoted: Sequence[str], lines: Sequence[str]) -> Anchor | Misfit:
    """The place of the quoted lines in a program."""
    quoted = trimmed(quoted)
    if not quoted:
        return Misfit(reason="it quotes no line of the program, so there is no place for it")
    for how, find in _STEPS.items():
        found = find(quoted, lines)
        if len(found) == 1:
            return found[0]
        if found:
            places = ", ".join(str(anchor.start + 1) for anchor in found[:5])
            first = quoted[0].strip()
            return Misfit(
                reason=f"the text that begins with {first[:60]!r} is in {len(found)} places (lines {places}, {how}); "
                "quote more lines around it"
            )
    return _nearly(quoted, lines)


def trimmed(lines: Sequence[str]) -> list[str]:
    """The lines without blank ones at either end."""
    first = next((i for i, line in enumerate(lines) if line.strip()), len(lines))
    last = next((i for i in range(len(lines), first, -1) if lines[i - 1].strip()), first)
    return list(lines[first:last])


def indent_of(line: str) -> int:
    """Columns of white space at the beginning."""
    expanded = line.expandtabs(_TAB)
    return len(expanded) - len(expanded.lstrip())


def reindented(lines: Sequence[str], shift: int) -> list[str]:
    """The lines moved by `shift` columns, as far as they have white space to lose; tabs become spaces if they move."""
    if shift == 0:
        return list(lines)
    moved = []
    for line in lines:
        column = max(0, indent_of(line) + shift)
        moved.append(" " * column + line.lstrip() if line.strip() else "")
    return moved


def _exactly(quoted: Sequence[str], lines: Sequence[str]) -> list[Anchor]:
    size = len(quoted)
    return [
        Anchor(start=i, end=i + size, how="exact")
        for i in range(len(lines) - size + 1)
        if list(lines[i : i + size]) == quoted
    ]


def _spaced(line: str) -> str:
    """A line whose white space inside and at the end does not count."""
    return " " * indent_of(line) + " ".join(line.split())


def _but_for_space(quoted: Sequence[str], lines: Sequence[str]) -> list[Anchor]:
    return [
        Anchor(start=start, end=end, how="whitespace")
        for start, end in _runs([_spaced(line) for line in quoted if line.strip()], lines, _spaced)
    ]


def _but_for_indent(quoted: Sequence[str], lines: Sequence[str]) -> list[Anchor]:
    kept = [line for line in quoted if line.strip()]
    found = []
    for start, end in _runs([" ".join(line.split()) for line in kept], lines, lambda line: " ".join(line.split())):
        place = [line for line in lines[start:end] if line.strip()]
        shifts = {indent_of(there) - indent_of(here) for here, there in zip(kept, place, strict=True)}
        if len(shifts) == 1:
            found.append(Anchor(start=start, end=end, how="indentation", shift=shifts.pop()))
    return found


_STEPS: dict[str, Callable[[Sequence[str], Sequence[str]], list[Anchor]]] = {
    "exact": _exactly,
    "whitespace": _but_for_space,
    "indentation": _but_for_indent,
}


def _runs(quoted: Sequence[str], lines: Sequence[str], form: Callable[[str], str]) -> list[tuple[int, int]]:
    """Where the quoted forms stand one after another; blank lines do not count."""
    places = [i for i, line in enumerate(lines) if line.strip()]
    forms = [form(lines[i]) for i in places]
    size = len(quoted)
    return [
        (places[i], places[i + size - 1] + 1)
        for i in range(len(places) - size + 1)
        if forms[i] == quoted[0] and list(forms[i : i + size]) == list(quoted)
    ]


def _without_comment(line: str) -> str:
    """A line with single spaces and without the comment at its end; a line that is all comment stays."""
    return _COMMENT.sub("", " ".join(line.split()))


@lru_cache(maxsize=20_000)
def _alike(a: str, b: str) -> float:
    """How much two lines without their indentation are alike, 0 if not enough to be the same."""
    if a == b:
        return 1.0
    matcher = SequenceMatcher(None, a, b, autojunk=False)
    if matcher.real_quick_ratio() < _ALIKE or matcher.quick_ratio() < _ALIKE:
        return 0.0
    ratio = matcher.ratio()
    return ratio if ratio >= _ALIKE else 0.0


def _nearly(quoted: Sequence[str], lines: Sequence[str]) -> Anchor | Misfit:
    """The place where most of the quotation is found in order: an alignment of lines (Needleman & Wunsch 1970)."""
    whole = [line for line in quoted if line.strip()]
    kept = [_without_comment(line) for line in whole]
    places = [i for i, line in enumerate(lines) if line.strip()]
    forms = [_without_comment(lines[i]) for i in places]
    found = [_aligned(kept, forms, start) for start in range(len(forms)) if _may_begin(kept, forms[start])]
    best = max(found, key=lambda one: one.score, default=None)
    words = kept[0][:60]
    if best is None or best.score < _ENOUGH:
        return Misfit(reason=f"the text that begins with {words!r} is not in the program; quote it as it is")
    others = (one.score for one in found if one.start > best.last or one.last < best.start)
    if max(others, default=0.0) > best.score - _CLEAR:
        return Misfit(
            reason=f"the text that begins with {words!r} is not in the program, and two places are alike; "
            "quote it as it is"
        )
    shift = indent_of(lines[places[best.start]]) - indent_of(whole[best.first])
    return Anchor(start=places[best.start], end=places[best.last] + 1, how="fuzzy", shift=shift)


@dataclass(frozen=True, slots=True)
class _Alignment:
    """Lines `start` to `last` of a program against a quotation whose line `first` is the first one found.

    Args:
        score: Share of the quoted characters that is found, less what is passed over.
    """

    score: float
    start: int
    last: int
    first: int


def _may_begin(kept: Sequence[str], form: str) -> bool:
    return any(_alike(line, form) for line in kept[:_LATEST_BEGIN])


def _aligned(kept: Sequence[str], forms: Sequence[str], start: int) -> _Alignment:
    """The best alignment that begins at the line `start` of the program."""
    weights = [len(line) + 2.0 for line in kept]
    total = sum(weights)
    skipped = _SKIPPED * total / len(weights)
    window = forms[start : start + len(kept) + len(kept) // 2 + 3]
    nothing = _Alignment(-total * len(window), start, start, 0)
    row = [nothing] * len(kept)  # the best so far that uses no quoted line after the i-th
    best = nothing
    for j, form in enumerate(window):
        new: list[_Alignment] = []
        for i, line in enumerate(kept):
            options = [new[i - 1]] if i else []
            if j:
                options.append(_Alignment(row[i].score - skipped, start, row[i].last, row[i].first))
            found = _alike(line, form) * weights[i]
            if found and j == 0 and i < _LATEST_BEGIN:
                options.append(_Alignment(found, start, start, i))
            elif found and j and i:
                options.append(_Alignment(row[i - 1].score + found, start, start + j, row[i - 1].first))
            new.append(max(options, key=lambda one: one.score, default=nothing))
        row = new
        best = max(best, row[-1], key=lambda one: one.score)
    return _Alignment(best.score / total, start, best.last, best.first)
