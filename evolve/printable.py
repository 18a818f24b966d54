"""What is shown: text from elsewhere (models, logs, files), made harmless for a terminal, a page, a prompt; numbers."""

from __future__ import annotations

import re

__all__ = ["line", "printable", "rounded"]

# Characters that a terminal obeys or a reader doesn't see: controls but tab and newline, lone surrogates, what turns
# the direction of writing, and the invisible letters of Unicode's tags.
_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]")


def printable(text: str) -> str:
    """Without what a terminal would obey. Lines end as on Unix."""
    return _OBEYED.sub("", text.replace("\r\n", "\n"))


def line(text: str, most: int = 300) -> str:
    """One printable line of at most `most` characters; what is cut off is shown by an ellipsis."""
    joined = " ".join(printable(text[: 8 * most]).split())
    return joined if len(joined) <= most and len(text) <= 8 * most else joined[: most - 1].rstrip() + "…"


def rounded(value: float) -> str:
    """Three digits, but of a large number all before the point: 0.0123, 1.23, 1,980."""
    return f"{value:,.0f}" if 999.5 <= abs(value) < 1e9 else f"{value:.3g}"
