"""What a coding agent must know of a run, as a skill file."""

from __future__ import annotations

from importlib.resources import files

__all__ = ["skill_text"]


def skill_text(*, front_matter: bool = False) -> str:
    """The skill in Markdown.

    Args:
        front_matter: Whether with its name and description at the head, as agents look for skills by.
    """
    text = files(__package__).joinpath("skill.md").read_text(encoding="utf-8")
    return text if front_matter else text.split("---\n", 2)[2].lstrip()
