"""Foreign text made safe to look at: candidates and models write what people read in terminals and pages.

Characters that move a cursor, change the direction of writing or take no room are shown by their number, so that
what is seen is what is there. This is about being seen, not about mark-up: HTML is escaped where it is written.
"""

from __future__ import annotations

import re

__all__ = ["count_hidden", "visible"]

_HIDDEN = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters but tab and line feed; escape sequences begin with one
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0"  # no width
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff9-\ufffb"  # no width, direction, line breaks
    "\ud800-\udfff"  # lone surrogates, which cannot be written as UTF-8
    "\U000e0000-\U000e0fff"  # tags and variation selectors
    "]"
)


def visible(text: str) -> str:
    """`text` with every hidden character shown as its number, as in `⟦U+202E⟧`; line ends become line feeds."""
    return _HIDDEN.sub(lambda found: f"⟦U+{ord(found[0]):04X}⟧", text.replace("\r\n", "\n"))


def count_hidden(text: str) -> int:
    """How many characters `visible` would show by their number."""
    return len(_HIDDEN.findall(text.replace("\r\n", "\n")))
