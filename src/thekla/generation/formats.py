"""How a model is asked to write its answer, and to repair one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from thekla.core.problem import Problem
from thekla.core.program import Program
from thekla.core.run import Prompt, Section
from thekla.llm import ModelSettings
from thekla.prompting import estimate_tokens

__all__ = ["answer_section", "format_for", "note_section", "repair_prompt", "shorter_prompt"]

_SHORT_LINES = 120  # a shorter program is written whole: edits save little and miss more
_ENOUGH_ANSWERS = 6  # answers of which half were unusable before the format falls back
_MOST_SHOWN = 24_000  # characters of a failed answer that its repair is shown

_FORMATS: Mapping[str, str] = {
    "edit": (
        "Answer with one or more edits of the program, each in this form:\n\n"
        "<<<<<<< SEARCH\n(lines of the program, copied exactly, enough of them to be found only once)\n=======\n"
        "(the lines that take their place)\n>>>>>>> REPLACE\n\n"
        "The edits are made in order. Before them, say in at most three sentences what you change and why."
    ),
    "diff": (
        "Answer with one unified diff of the program in a ```diff block, with three lines of context around each "
        "change. Before it, say in at most three sentences what you change and why."
    ),
    "full": (
        "Answer with the whole new program in one ```python block, with nothing left out. Before it, say in at most "
        "three sentences what you change and why."
    ),
}


_GOES: Mapping[str, str] = {
    "leap": "\nTake a leap: do not refine the program, but find another approach that could beat it by far.",
}
_ESSENTIAL = frozenset({"parent", "start", "task", "hints", "answer", "program", "said", "complaint"})


def format_for(settings: ModelSettings, parent: Program, prompt: Prompt) -> str:
    """The form in which an answer is asked for: the model's own, or by the length of the program.

    When half of the model's recent answers were no programs, its edits fall back to whole programs.
    """
    if not parent.text.strip() or _often_unusable(settings, prompt):
        return "full"
    if settings.format != "auto":
        return settings.format
    if settings.role == "leap" or parent.text.count("\n") < _SHORT_LINES:
        return "full"
    return "edit"


def _often_unusable(settings: ModelSettings, prompt: Prompt) -> bool:
    of_all = prompt.data("answers")
    data = of_all.get(f"{settings.role} {settings.name}") if isinstance(of_all, Mapping) else None
    if not isinstance(data, Mapping):
        return False
    recent, unusable = data.get("recent"), data.get("unusable")
    counted = isinstance(recent, int) and isinstance(unusable, int)
    return counted and recent >= _ENOUGH_ANSWERS and 2 * unusable >= recent  # type: ignore[operator]  # both are integers


def answer_section(form: str, problem: Problem, *, role: str = "") -> Section:
    """The last section of a prompt: what the answer must look like, and how far a model of that role should go."""
    functions = " and ".join(f"`{one.name}`" for one in problem.interface.functions if one.required)
    text = (
        f"## Your answer\n{_FORMATS[form]}\nThe program must define {functions}; write it so that people can read it."
        f"{_GOES.get(role, '')}"
    )
    return Section(name="answer", text=text, tokens=estimate_tokens(text))


def note_section() -> Section:
    """The last section of a prompt that asks for a note."""
    text = (
        "## Your answer\nWrite no program now. Write notes for those who will change the program next, in at most 150 "
        "words: which ideas made it better and why, which did not and need not be tried again, and which have not been "
        "tried yet. Keep what still holds of the notes above, if there are any; say nothing that the outcomes do not "
        "show."
    )
    return Section(name="answer", text=text, tokens=estimate_tokens(text))


def shorter_prompt(prompt: Prompt) -> Prompt | None:
    """The prompt for a model that found it too long: of a conversation the later half, else what matters most.

    None if nothing can be left out.
    """
    spare = [one for one in prompt.sections if one.text and one.role != "system" and one.name not in _ESSENTIAL]
    if any(one.role == "assistant" for one in spare):
        spare = spare[: 2 * ((len(spare) + 2) // 4)]  # whole turns: an answer and what it was told
    if not spare:
        return None
    kept = tuple(one for one in prompt.sections if one not in spare)
    return replace(prompt, sections=kept, stable=sum(one.role == "system" for one in kept))


def repair_prompt(prompt: Prompt, parent: Program, answer: str, reason: str, problem: Problem) -> Prompt:
    """What a second call is told: the standing instructions, the program, the answer, and what is wrong with it."""
    standing = [section for section in prompt.sections if section.role == "system"]
    shown = answer if len(answer) <= _MOST_SHOWN else answer[:_MOST_SHOWN] + "\n(cut)"
    words = (
        f"That answer could not be used: {reason}.\nKeep its idea and mend this fault only.\n\n"
        f"{answer_section('full', problem).text}"
    )
    texts = (("program", f"The program:\n```python\n{parent.text.rstrip()}\n```"), ("complaint", words))
    program, complaint = (Section(name=name, text=text, tokens=estimate_tokens(text)) for name, text in texts)
    said = Section(name="said", text=shown, role="assistant", tokens=estimate_tokens(shown))
    return Prompt(sections=(*standing, program, said, complaint), stable=len(standing))
