"""What an answer of a model is made of: edits, fenced blocks, prose."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["Block", "Edit", "Malformed", "clean", "code_blocks", "diff_edits", "search_edits"]

_THOUGHT = re.compile(r"<(think|thinking|reasoning|scratchpad)>.*?</\1>", re.DOTALL | re.IGNORECASE)
_THOUGHT_END = re.compile(r"\A.*</(?:think|thinking)>", re.DOTALL | re.IGNORECASE)
_INVISIBLE = dict.fromkeys([*range(0x200B, 0x2010), 0x2060, 0xFEFF], None) | {0xA0: " ", 0x202F: " "}

_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[ \t]*([^\n`]*)$")
_SEARCH = re.compile(r"^\s*<{4,}\s*(?:SEARCH|ORIGINAL|OLD|HEAD|BEFORE)?\b.*$", re.IGNORECASE)
_DIVIDER = re.compile(r"^\s*={4,}\s*(?:REPLACE)?\s*$", re.IGNORECASE)
_REPLACE = re.compile(r"^\s*>{4,}(?:\s*(?:REPLACE|UPDATED?|NEW|AFTER|SEARCH)\b.*|\s*)$", re.IGNORECASE)
_TAGGED = re.compile(
    r"<search>\n?(?P<old>.*?)</search>\s*<replace>\n?(?P<new>.*?)</replace>", re.DOTALL | re.IGNORECASE
)
_CODE_TAG = re.compile(r"<(code|program|python|solution)>\n?(?P<text>.*?)(?:</\1>|\Z)", re.DOTALL | re.IGNORECASE)
_PATH = re.compile(r"(?P<path>[\w./-]+\.\w{1,5})")
_HUNK = re.compile(r"^@@.*?@@|^@@\s*$")


@dataclass(frozen=True, kw_only=True)
class Edit:
    """Some lines of a program and what takes their place.

    Args:
        path: The file that the answer names; empty if it names none.
    """

    old: tuple[str, ...]
    new: tuple[str, ...]
    path: str = ""


@dataclass(frozen=True, kw_only=True)
class Malformed:
    """Why the edits of an answer cannot be read, in words for the model."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class Block:
    """A block of code; `closed` is False if its fence never ends, as in an answer that was cut off."""

    text: str
    path: str = ""
    language: str = ""
    closed: bool = True


def clean(answer: str) -> str:
    """The answer with plain line ends and spaces, without what the model thought aloud before."""
    text = answer.replace("\r\n", "\n").replace("\r", "\n").translate(_INVISIBLE)
    text = _THOUGHT.sub("", text)
    return _THOUGHT_END.sub("", text)


def search_edits(text: str) -> list[Edit] | Malformed:
    """The SEARCH/REPLACE edits of an answer; an empty list if there is none."""
    tagged = [
        Edit(old=tuple(_unfenced(found["old"])), new=tuple(_unfenced(found["new"]))) for found in _TAGGED.finditer(text)
    ]
    if tagged:
        return tagged
    lines = text.split("\n")
    starts = [i for i, line in enumerate(lines) if _SEARCH.match(line)]
    edits = []
    for number, start in enumerate(starts):
        limit = starts[number + 1] if number + 1 < len(starts) else len(lines)
        divider = next((i for i in range(start + 1, limit) if _DIVIDER.match(lines[i])), None)
        if divider is None:
            return Malformed(
                reason=f"edit {number + 1} has no line ======= between what is searched and its replacement"
            )
        end = _end_of_edit(lines, divider, limit)
        if end is None:
            return Malformed(reason=f"edit {number + 1} has no line >>>>>>> REPLACE at its end")
        old, new = _unquoted(lines[start + 1 : divider]), _unquoted(lines[divider + 1 : end])
        edits.append(Edit(old=tuple(old), new=tuple(new), path=_path_before(lines, start)))
    return edits


def _end_of_edit(lines: Sequence[str], divider: int, limit: int) -> int | None:
    """Where the replacement ends: at its mark, else at the end of the fence."""
    for i in range(divider + 1, limit):
        if _REPLACE.match(lines[i]):
            return i
    return next((i for i in range(divider + 1, limit) if _FENCE.match(lines[i])), None)


def _unfenced(text: str) -> list[str]:
    return _unquoted(text.rstrip().split("\n")) if text.strip() else []


def _unquoted(lines: Sequence[str]) -> list[str]:
    """The lines without a fence around them."""
    kept = list(lines)
    inner = [i for i, line in enumerate(kept) if line.strip()]
    if len(inner) >= 2 and _FENCE.match(kept[inner[0]]) and _FENCE.match(kept[inner[-1]]):
        return kept[inner[0] + 1 : inner[-1]]
    return kept


def _path_before(lines: Sequence[str], start: int) -> str:
    """The file that is named in the lines before an edit."""
    for line in [one for one in lines[max(0, start - 3) : start] if one.strip()][::-1]:
        if _FENCE.match(line):
            continue
        found = _PATH.search(line)
        return found["path"] if found and len(line) < 80 else ""
    return ""


def diff_edits(text: str) -> list[Edit] | Malformed:
    """The hunks of the unified diffs of an answer as edits; an empty list if there is none.

    Line numbers and counts are ignored, since models get them wrong; the lines themselves say where a hunk belongs.
    """
    edits: list[Edit] = []
    path = ""
    hunk: list[tuple[str, str]] | None = None
    for line in [*_diff_lines(text), "@@"]:
        if line.startswith("+++ "):
            path = line[4:].strip().split("\t")[0].removeprefix("b/").removeprefix("./")
        elif line.startswith(("--- ", "diff ", "index ", "\\ No newline")):
            continue
        elif _HUNK.match(line) or line == "@@":
            if hunk and any(mark in "+-" for mark, _ in hunk):
                edits.append(_edit_of(hunk, path))
            hunk = []
        elif hunk is not None:
            mark = line[:1] if line[:1] in ("+", "-", " ") and line else " "
            hunk.append((mark, line[1:] if line[:1] == mark else line))
    if any(not any(line.strip() for line in edit.old) for edit in edits):
        return Malformed(reason="a hunk of the diff has no line of the program, so there is no place for it")
    return edits


def _edit_of(hunk: Sequence[tuple[str, str]], path: str) -> Edit:
    while hunk and hunk[-1] == (" ", ""):
        hunk = hunk[:-1]
    return Edit(
        old=tuple(line for mark, line in hunk if mark in " -"),
        new=tuple(line for mark, line in hunk if mark in " +"),
        path=path,
    )


def _diff_lines(text: str) -> Iterator[str]:
    """The lines of an answer that belong to diffs."""
    lines = text.split("\n")
    inside = False
    for i, line in enumerate(lines):
        header = line.startswith("--- ") and i + 1 < len(lines) and lines[i + 1].startswith("+++ ")
        if header or _HUNK.match(line):
            inside = True
        elif _FENCE.match(line):
            inside = False
        if inside:
            yield line


def code_blocks(text: str) -> list[Block]:
    """The blocks of code of an answer, in order: fenced ones, else those in tags, else the values of a JSON object."""
    return (
        list(_fenced(text)) or [Block(text=found["text"]) for found in _CODE_TAG.finditer(text)] or _json_blocks(text)
    )


def _fenced(text: str) -> Iterator[Block]:
    lines = text.split("\n")
    i = 0
    while i < len(lines):
        opening = _FENCE.match(lines[i])
        if opening is None:
            i += 1
            continue
        fence, info = opening[1], opening[2].strip()
        end = next((j for j in range(i + 1, len(lines)) if _closes(lines[j], fence)), None)
        body = lines[i + 1 : end if end is not None else len(lines)]
        named = _PATH.search(info)
        yield Block(
            text=textwrap.dedent("\n".join(body)),
            path=named["path"] if named else _path_before(lines, i),
            language=info.split()[0].lower() if info else "",
            closed=end is not None,
        )
        i = (end if end is not None else len(lines)) + 1


def _closes(line: str, fence: str) -> bool:
    stripped = line.strip()
    return stripped.startswith(fence) and set(stripped) == {fence[0]}


def _json_blocks(text: str) -> list[Block]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return []
    values = found.values() if isinstance(found, dict) else ()
    return [Block(text=value) for value in values if isinstance(value, str) and "\n" in value]
