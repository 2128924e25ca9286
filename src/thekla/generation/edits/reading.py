"""From a model's answer to a program: edits, diffs and whole programs, in whatever form they come."""

from __future__ import annotations

import ast
import html
import re
import textwrap
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache

from thekla.core.program import Program
from thekla.generation.edits.anchoring import Misfit, locate, reindented, trimmed
from thekla.generation.edits.blocks import Block, Edit, Malformed, clean, code_blocks, diff_edits, search_edits
from thekla.generation.edits.regions import change_outside

__all__ = ["Edited", "Unusable", "read_answer"]

_NUMBERED = re.compile(r"^\s*\d+\s?[|:]\s?")
_ELIDED = re.compile(
    r"^\s*(?:#\s*)?(?:\.\.\.|…)\s*$|^\s*#.*(?:\.\.\.|…).*$|"
    r"^\s*#\s*(?:rest of|remaining|existing|same|unchanged|as before)\b",
    re.IGNORECASE,
)
_LEFT_OUT = re.compile(
    r"^\s*#.*\b(?:rest|remaining|existing|unchanged|same as|as before|previous|your)\b.*(?:code|function|logic|above|"
    r"before|unchanged|same|here|\.\.\.|…)",
    re.IGNORECASE,
)
_CODE_BEGINS = re.compile(r"^(?:import |from \w|def |class |@|async def |\"\"\"|'''|#|[A-Za-z_]\w* *=)")
_QUOTES = str.maketrans({"\u201c": '"', "\u201d": '"', "\u2018": "'", "\u2019": "'", "\u2013": "-", "\u2212": "-"})
_STRENGTH = ("exact", "whitespace", "indentation", "fuzzy")


@dataclass(frozen=True, kw_only=True)
class Edited:
    """The program that an answer amounts to.

    Args:
        form: `edit`, `diff` or `full`: how the answer is written.
        how: The weakest way in which a part of it found its place; `whole` or `merged` for whole programs.
    """

    program: Program
    form: str
    how: str


@dataclass(frozen=True, kw_only=True)
class Unusable:
    """Why an answer amounts to no program, in words for the model.

    Args:
        slip: Whether it is a fault of form, which a cheap second answer can mend.
    """

    reason: str
    slip: bool = True


def read_answer(
    answer: str, parent: Program, names: Sequence[str], *, optional: Sequence[str] = (), cut_off: bool = False
) -> Edited | Unusable:
    """The program that an answer makes of its parent. Prose is never a program.

    Args:
        names: Functions that the problem's interface asks for; `optional` ones may be defined besides.
        cut_off: The answer came to its limit of tokens; what is not closed then is not used.
    """
    text = clean(answer)
    if not text.strip():
        return Unusable(reason="the answer is empty", slip=False)
    for form, read in (("edit", search_edits), ("diff", diff_edits)):
        edits = read(text)
        if isinstance(edits, Malformed):
            return Unusable(reason="the answer was cut off in the middle of an edit" if cut_off else edits.reason)
        if edits:
            return _checked(parent, _apply(edits, parent, form))
    return _checked(parent, _whole(text, parent, names, optional, cut_off=cut_off))


def _checked(parent: Program, read: Edited | Unusable) -> Edited | Unusable:
    """What was read, if it parses, changes something, and only what may be changed."""
    if isinstance(read, Unusable):
        return read
    if read.program.id == parent.id:
        return Unusable(reason="the answer changes nothing", slip=False)
    before = dict(parent.files)
    for path, text in read.program.files:
        fault = syntax_fault(text) if path.endswith(".py") else ""
        if fault:
            return Unusable(reason=f"with the answer applied, {path} does not parse: {fault}")
        outside = change_outside(before.get(path, ""), text)
        if outside:
            return Unusable(reason=outside)
    return read


def syntax_fault(text: str) -> str:
    """Why a text is no Python, or an empty text."""
    tree = _tree(text)
    return tree if isinstance(tree, str) else ""


@lru_cache(maxsize=32)  # one answer is looked at from several sides
def _tree(text: str) -> ast.Module | str:
    """The syntax tree of a text, or why there is none."""
    try:
        return ast.parse(text)
    except SyntaxError as error:
        return f"line {error.lineno}: {error.msg}"
    except (ValueError, RecursionError, MemoryError) as error:
        return str(error) or type(error).__name__


def _statements(text: str) -> list[ast.stmt]:
    """The top-level statements of a text; none if it does not parse."""
    tree = _tree(text)
    return [] if isinstance(tree, str) else tree.body


def _apply(edits: Sequence[Edit], parent: Program, form: str) -> Edited | Unusable:
    """The parent with all edits made, one after another; one that fits nowhere spoils all."""
    files = dict(parent.files)
    weakest = "exact"
    for number, edit in enumerate(edits, 1):
        path = _file_of(edit.path, parent)
        if path not in files:
            return Unusable(reason=f"edit {number} is for {path!r}; the program has {', '.join(files)}")
        changed = _replaced(files[path], edit)
        if isinstance(changed, Misfit):
            return Unusable(reason=f"edit {number} of {len(edits)}: {changed.reason}")
        files[path], how = changed
        weakest = max(weakest, how, key=_STRENGTH.index)
    program = Program(files=tuple(sorted(files.items())), language=parent.language)
    return Edited(program=program, form=form, how=weakest)


def _file_of(path: str, parent: Program) -> str:
    """The file that an edit means: the one it names, or the only one."""
    paths = [known for known, _ in parent.files]
    if path in paths or not path:
        return path or _entry(parent)
    ending = [known for known in paths if known.endswith(f"/{path}") or path.endswith(f"/{known}")]
    if len(ending) == 1:
        return ending[0]
    return paths[0] if len(paths) == 1 else path


def _entry(program: Program) -> str:
    return next(path for path, text in program.files if text == program.text)


def _replaced(text: str, edit: Edit) -> tuple[str, str] | Misfit:
    """The text with one edit made, and how it found its place."""
    lines = text.split("\n")
    old, new = list(edit.old), list(edit.new)
    if not trimmed(old) and not text.strip():
        return "\n".join(new), "exact"
    numbered = [line for line in old if line.strip()]
    if numbered and all(_NUMBERED.match(line) for line in numbered) and not any(map(_NUMBERED.match, lines)):
        old, new = [_unnumbered(line) for line in old], [_unnumbered(line) for line in new]
    anchor = locate(old, lines)
    if isinstance(anchor, Misfit):
        return _piecewise(text, old, new) or anchor
    new = trimmed(new)
    if not any("\t" in line for line in lines):
        new = [line.expandtabs(4) for line in new]
    lines[anchor.start : anchor.end] = reindented(new, anchor.shift)
    return "\n".join(lines), anchor.how


def _unnumbered(line: str) -> str:
    return _NUMBERED.sub("", line) if _NUMBERED.match(line) else line


def _piecewise(text: str, old: Sequence[str], new: Sequence[str]) -> tuple[str, str] | Misfit | None:
    """An edit in which lines are left out (`...`) on both sides alike, as one edit per piece; None if it is none."""
    olds, news = _pieces(old), _pieces(new)
    if len(olds) < 2 or len(olds) != len(news):
        return None
    weakest = "exact"
    for piece, replacement in zip(olds, news, strict=True):
        if trimmed(piece) == trimmed(replacement):
            continue
        changed = _replaced(text, Edit(old=tuple(piece), new=tuple(replacement)))
        if isinstance(changed, Misfit):
            return changed
        text, how = changed
        weakest = max(weakest, how, key=_STRENGTH.index)
    return text, weakest


def _pieces(lines: Sequence[str]) -> list[list[str]]:
    pieces: list[list[str]] = [[]]
    for line in lines:
        if _ELIDED.match(line):
            pieces.append([])
        else:
            pieces[-1].append(line)
    return pieces


def _whole(
    text: str, parent: Program, names: Sequence[str], optional: Sequence[str], *, cut_off: bool
) -> Edited | Unusable:
    """A whole program out of the blocks of an answer."""
    blocks = code_blocks(text)
    if cut_off and (not blocks or not blocks[-1].closed):
        return Unusable(reason="the answer was cut off before the program's end")
    named = _several_files(blocks, parent)
    if named is not None:
        return Edited(program=named, form="full", how="whole")
    faults = []
    sources = [block.text for block in blocks] or [_bare_code(text)]
    partial: list[str] = []
    for source in reversed([one for one in sources if one.strip()]):
        mended = _mended(source)
        fault = syntax_fault(mended)
        defined = _top_level(mended) if not fault else {}
        if fault:
            faults.append(fault)
        elif all(name in defined for name in names) and not _needs_more(mended, defined, parent, optional):
            return _complete(mended, parent)
        elif set(defined) & {*names, *_top_level(parent.text)}:
            partial.append(mended)
    if partial:
        return _merged(partial[::-1], parent, names)
    if faults:
        return Unusable(reason=f"the program in the answer does not parse: {faults[0]}")
    wanted = " and ".join(names) or "a function"
    return Unusable(reason=f"the answer holds no program that defines {wanted}")


def _needs_more(source: str, defined: Collection[str], parent: Program, optional: Sequence[str]) -> bool:
    """Whether a part of a program relies on definitions of its parent that it does not repeat."""
    missing = set(_top_level(parent.text)) - set(defined)
    used = {node.id for one in _statements(source) for node in ast.walk(one) if isinstance(node, ast.Name)}
    return not defined or bool(missing & (used | set(optional)))


def _complete(source: str, parent: Program) -> Edited | Unusable:
    left_out = next((line.strip() for line in source.split("\n") if _LEFT_OUT.match(line)), "")
    if left_out and len(source) < 0.9 * len(parent.text):
        return Unusable(reason=f"the program is not whole: {left_out!r} stands for code; write all of it")
    return Edited(program=parent.with_text(_ended(source)), form="full", how="whole")


def _several_files(blocks: Sequence[Block], parent: Program) -> Program | None:
    """The parent with the files that blocks name, if it has several and each block names one of them."""
    files = dict(parent.files)
    if len(files) < 2:
        return None
    found = {_file_of(block.path, parent): _ended(block.text) for block in blocks if block.path}
    if not found or any(path not in files for path in found):
        return None
    return Program(files=tuple(sorted((files | found).items())), language=parent.language)


def _bare_code(text: str) -> str:
    """The longest run of lines of an answer without fences that is Python and begins like it; may be empty."""
    lines = text.split("\n")
    begins = [i for i, line in enumerate(lines) if _CODE_BEGINS.match(line)]
    for start in begins[:8]:
        for end in range(len(lines), max(start, len(lines) - 40), -1):
            piece = "\n".join(lines[start:end])
            if not syntax_fault(piece):
                return piece if _top_level(piece) else ""
    return ""


def _ended(text: str) -> str:
    return text.strip("\n") + "\n"


def _mended(source: str) -> str:
    """The source, or the first simple mending of it that parses."""
    if not syntax_fault(source):
        return source
    for mend in _MENDINGS:
        mended = mend(source)
        if not syntax_fault(mended):
            return mended
    return source


def _without_prompts(source: str) -> str:
    return "\n".join(re.sub(r"^(?:>>>|\.\.\.) ?", "", line) for line in source.split("\n"))


_MENDINGS: tuple[Callable[[str], str], ...] = (
    html.unescape,
    lambda source: source.translate(_QUOTES),
    textwrap.dedent,
    lambda source: "\n".join(map(_unnumbered, source.split("\n"))),
    lambda source: "\n".join(re.sub(r"^> ?", "", line) for line in source.split("\n")),
    _without_prompts,
    lambda source: "\n".join(line[1:] if line[:1] == "+" else line for line in source.split("\n")),
    lambda source: html.unescape(source.translate(_QUOTES)),
    lambda source: source.expandtabs(4),
)


def _top_level(source: str) -> dict[str, ast.stmt]:
    """Functions, classes and assigned names at the top of a program, in order; empty if it does not parse."""
    found: dict[str, ast.stmt] = {}
    for node in _statements(source):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found[node.name] = node
        elif isinstance(node, ast.Assign):
            found.update({target.id: node for target in node.targets if isinstance(target, ast.Name)})
    return found


def _merged(sources: Sequence[str], parent: Program, names: Sequence[str]) -> Edited | Unusable:
    """The parent with its definitions replaced by those of the answer; new ones and imports go before the first."""
    text = parent.text
    for source in sources:
        if any(_LEFT_OUT.match(line) for line in source.split("\n")):
            return Unusable(reason="the answer leaves out code; write whole functions")
        text = _merge(text, source)
    missing = [name for name in names if name not in _top_level(text)]
    if missing:
        return Unusable(reason=f"the answer holds no program that defines {' and '.join(missing)}")
    return Edited(program=parent.with_text(_ended(text)), form="full", how="merged")


def _merge(text: str, source: str) -> str:
    """One program's top-level statements put into another, by name."""
    for node in _statements(source):
        piece = source.split("\n")[_first_line(node) - 1 : node.end_lineno]
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            place = _top_level(text).get(node.name)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            place = _top_level(text).get(node.targets[0].id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            place = None
            if "\n".join(piece) in text.split("\n"):
                continue
        else:
            continue  # a docstring, or a call that shows how the function is used
        lines = text.split("\n")
        if place is not None:
            lines[_first_line(place) - 1 : place.end_lineno] = piece
        else:
            at = _after_docstring(text)
            lines[at:at] = [*piece, "", ""]
        text = "\n".join(lines)
    return text


def _first_line(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(one.lineno for one in decorators)])


def _after_docstring(text: str) -> int:
    """The line (from 0) where new statements go: before the first one that is neither docstring nor future import."""
    for node in _statements(text):
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
        if not docstring and not future:
            return _first_line(node) - 1
    return len(text.split("\n"))
