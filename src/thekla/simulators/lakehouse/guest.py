"""The text that lets a sandboxed guest run policies."""

import ast
from functools import lru_cache
from importlib.resources import files

__all__ = ["guest_source"]

# In this order each finds the names of those before it.
_FILES = ("present.py", "pipelines.py", "views.py", "settling.py", "session.py")


@lru_cache(maxsize=1)
def guest_source() -> str:
    """The views and the session as one text, which imports the standard library only.

    A guest that has run it finds `PolicySession` and `names` among its globals.
    """
    return "\n".join(_alone(files(__package__).joinpath(name).read_text(encoding="utf-8")) for name in _FILES)


def _alone(text: str) -> str:
    """The text of a file without its imports of the other ones."""
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.level:
            for number in range(node.lineno - 1, node.end_lineno or node.lineno):
                lines[number] = ""
    return "\n".join(lines)
