"""What people look at: foreign text made safe, and numbers as they are written.

Candidates and models write what people read in terminals and pages. Characters that move a cursor, change the
direction of writing or take no room are shown by their number, so that what is seen is what is there. This is about
being seen, not about mark-up: HTML is escaped where it is written.
"""

from __future__ import annotations

import math
import re

__all__ = ["count_hidden", "duration", "inset", "number", "short_number", "visible"]

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


def inset(text: str) -> str:
    """`text` for a line of ours that is not all ours: its further lines begin with two spaces, so that none of them
    passes for another line of ours."""
    return text.replace("\n", "\n  ")


def count_hidden(text: str) -> int:
    """How many characters `visible` would show by their number."""
    return len(_HIDDEN.findall(text.replace("\r\n", "\n")))


def number(value: float | None, *, digits: int = 5) -> str:
    """A number for people: `digits` significant ones (and a tenth, from five on), thousands apart; `-` for None."""
    if value is None:
        return "-"
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1e12 or size < 1e-4:
        return f"{value:.{digits - 1}e}"
    decimals = max(1 if digits >= 5 else 0, digits - 1 - math.floor(math.log10(size)))
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def short_number(value: float) -> str:
    """A number for a narrow cell: three significant digits, thousands as k, M or G."""
    for factor, suffix in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= factor:
            unit = factor if factor > 1e4 else 1e3
            return f"{number(value / unit, digits=3)}{suffix}"
    return number(value, digits=3)


def duration(seconds: float) -> str:
    """Seconds as people say them, as in `4.2 s`, `3 min 05 s`, `2 h 10 min`."""
    if seconds < 60:
        return f"{number(seconds, digits=2 if seconds < 10 else 3)} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
