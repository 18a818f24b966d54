"""Cuts a template into text, outputs and tags; and what stands inside of these into words."""

import re

from errors import LiquidError

OPENING = re.compile(r"\{\{|\{%")
TAG = re.compile(r"\s*(\w+)\s*(.*)", re.DOTALL)
END_RAW = re.compile(r"\{%-?\s*endraw\s*(-?)%\}")
COMMENT_EDGE = re.compile(r"\{%-?\s*(comment|endcomment)\b.*?(-?)%\}", re.DOTALL)

WORD = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<string>"[^"]*"|'[^']*')
    | (?P<number>-?\d+(?:\.(?!\.)\d*|\b))
    | (?P<name>\w[\w-]*\??)
    | (?P<symbol>\.\.|==|!=|<>|<=|>=|[<>=|:,.()\[\]])
    """,
    re.VERBOSE,
)


class Token:
    """A piece of a template. `kind` is "text", "output" or "tag"; only a tag has a name."""

    def __init__(self, kind: str, text: str, name: str = "") -> None:
        self.kind = kind
        self.text = text
        self.name = name


def tokens(template: str) -> list[Token]:
    """The pieces of a template, in order; comments are gone and raw text is text."""
    found: list[Token] = []
    position = 0
    trim = False  # did the markup before this text end with a hyphen?
    while True:
        opening = OPENING.search(template, position)
        start = opening.start() if opening else len(template)
        text = template[position:start]
        if trim:
            text = text.lstrip()
        if template[start + 2 : start + 3] == "-":
            text = text.rstrip()
        if text:
            found.append(Token("text", text))
        if opening is None:
            return found
        inside, position, trim = markup(template, start)
        if opening.group() == "{{":
            found.append(Token("output", inside))
            continue
        match = TAG.fullmatch(inside)
        if match is None:
            raise LiquidError("a tag has no name")
        name, rest = match.group(1), match.group(2).rstrip()
        if name == "raw":
            raw, position, trim = raw_text(template, position, rest)
            found.append(Token("text", raw))
        elif name == "comment":
            position, trim = after_comment(template, position)
        else:
            found.append(Token("tag", rest, name))


def markup(template: str, start: int) -> tuple[str, int, bool]:
    """What stands inside the output or tag at `start`, where it ends, and whether it trims what follows."""
    closing = "}}" if template[start + 1] == "{" else "%}"
    end = template.find(closing, start + 2)
    if end < 0:
        raise LiquidError(f"{template[start : start + 20]!r} is never closed")
    inside = template[start + 2 : end]
    if inside.startswith("-"):
        inside = inside[1:]
    trim = inside.endswith("-")
    if trim:
        inside = inside[:-1]
    return inside, end + 2, trim


def raw_text(template: str, position: int, rest: str) -> tuple[str, int, bool]:
    """The text up to `endraw`, where it goes on after that, and whether what follows is trimmed."""
    end = END_RAW.search(template, position)
    if end is None or rest:
        raise LiquidError("'raw' is never closed, or is followed by something")
    return template[position : end.start()], end.end(), bool(end.group(1))


def after_comment(template: str, position: int) -> tuple[int, bool]:
    """Where the template goes on after the comment, and whether what follows is trimmed. Comments nest."""
    depth = 1
    for edge in COMMENT_EDGE.finditer(template, position):
        depth += 1 if edge.group(1) == "comment" else -1
        if depth == 0:
            return edge.end(), bool(edge.group(2))
    raise LiquidError("'comment' is never closed")


def words(text: str) -> list[tuple[str, str]]:
    """The words of an expression, each as its kind and its text; a string without its quotes."""
    found: list[tuple[str, str]] = []
    position = 0
    while position < len(text):
        match = WORD.match(text, position)
        if match is None:
            raise LiquidError(f"{text[position]!r} is not expected in {text!r}")
        kind, word = str(match.lastgroup), match.group()
        if kind == "string":
            word = word[1:-1]
        if kind != "space":
            found.append((kind, word))
        position = match.end()
    return found
