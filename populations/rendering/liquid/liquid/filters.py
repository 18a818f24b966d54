"""The filters: each takes the value on its left, then its arguments."""

import math
import re
from collections.abc import Callable

from values import equal, is_true, item, to_list, to_number, to_text

SCRIPTS = re.compile(r"<script.*?</script>|<style.*?</style>|<!--.*?-->", re.DOTALL)
HTML_TAG = re.compile(r"<[^>]*>")
LINE_END = re.compile(r"\r?\n")

UNRESERVED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~"


def escape(value: object) -> str:
    text = to_text(value)
    text = text.replace("&", "&amp;")  # first, or it would escape what the others write
    text = text.replace("<", "&lt;").replace(">", "&gt;")
    return text.replace('"', "&quot;").replace("'", "&#x27;")


def url_encode(value: object) -> str:
    encoded = ""
    for character in to_text(value):
        if character == " ":
            encoded += "+"
        elif character in UNRESERVED:
            encoded += character
        else:
            encoded += "".join(f"%{byte:02X}" for byte in character.encode())
    return encoded


def strip_html(value: object) -> str:
    return HTML_TAG.sub("", SCRIPTS.sub("", to_text(value)))


def newline_to_br(value: object) -> str:
    return LINE_END.sub("<br />\n", to_text(value))


def strip_newlines(value: object) -> str:
    return LINE_END.sub("", to_text(value))


def replace(value: object, old: object, new: object = "") -> str:
    return to_text(value).replace(to_text(old), to_text(new))


def replace_first(value: object, old: object, new: object = "") -> str:
    return to_text(value).replace(to_text(old), to_text(new), 1)


def truncate(value: object, length: object = 50, end: object = "...") -> str:
    """Cut to `length` characters, the end's among them."""
    text, ending, limit = to_text(value), to_text(end), int(to_number(length))
    if len(text) < limit:
        return text
    return text[: limit - len(ending)] + ending


def truncatewords(value: object, count: object = 15, end: object = "...") -> str:
    found = to_text(value).split()
    limit = max(int(to_number(count)), 1)
    if len(found) < limit:
        return " ".join(found)
    return " ".join(found[:limit]) + to_text(end)


def slice_(value: object, start: int, length: int = 1) -> object:
    """A part of a text or of a list; a negative start counts from the end."""
    whole = value if isinstance(value, (str, list)) else to_text(value)
    end = start + length
    return whole[start:] if start < 0 <= end else whole[start:end]


def split(value: object, separator: object) -> list[str]:
    text, by = to_text(value), to_text(separator)
    if not by:
        return list(text)
    if not text or text == by:
        return []
    return text.split() if by == " " else text.split(by)


def default(value: object, other: object = "", allow_false: object = False) -> object:
    if value is False and allow_false is True:
        return value
    return other if not is_true(value) or value in ("", [], {}) else value


def size(value: object) -> int:
    return len(value) if isinstance(value, (str, list, dict, range)) else 0


def tidy(number: int | float) -> int | float:
    """Without the last digits of binary fractions, so that 0.1 + 0.2 is 0.3."""
    return round(number, 10) if isinstance(number, float) else number


def plus(value: object, other: object) -> int | float:
    return tidy(to_number(value) + to_number(other))


def minus(value: object, other: object) -> int | float:
    return tidy(to_number(value) - to_number(other))


def times(value: object, other: object) -> int | float:
    return tidy(to_number(value) * to_number(other))


def divided_by(value: object, other: object) -> int | float:
    """Whole numbers give a whole number, rounded down."""
    left, right = to_number(value), to_number(other)
    if isinstance(left, int) and isinstance(right, int):
        return left // right
    return left / right


def modulo(value: object, other: object) -> int | float:
    return tidy(to_number(value) % to_number(other))


def round_(value: object, digits: object = None) -> int | float:
    places = 0 if digits is None else int(to_number(digits))
    return round(to_number(value), places) if places > 0 else round(to_number(value))


def join(value: object, separator: object = " ") -> str:
    return to_text(separator).join(to_text(each) for each in to_list(value))


def first(value: object) -> object:
    return item(value, "first") if isinstance(value, (list, range)) else None


def last(value: object) -> object:
    return item(value, "last") if isinstance(value, (list, range)) else None


def concat(value: object, other: object) -> list:
    if not isinstance(other, list):
        raise TypeError(f"an array is expected, not {other!r}")
    return to_list(value) + other


def map_(value: object, key: str) -> list:
    return [item(each, key) for each in to_list(value)]


def reverse(value: object) -> list:
    return list(reversed(to_list(value)))


def sort(value: object, key: str | None = None) -> list:
    if key is None:
        return sorted(to_list(value))
    return sorted(to_list(value), key=lambda each: item(each, key))


def sort_natural(value: object, key: str | None = None) -> list:
    if key is None:
        return sorted(to_list(value), key=lambda each: to_text(each).lower())
    return sorted(to_list(value), key=lambda each: to_text(item(each, key)).lower())


def where(value: object, key: str, wanted: object = None) -> list:
    if wanted is None:
        return [each for each in to_list(value) if is_true(item(each, key))]
    return [each for each in to_list(value) if equal(item(each, key), wanted)]


def uniq(value: object) -> list:
    found: list = []
    for each in to_list(value):
        if each not in found:
            found.append(each)
    return found


def compact(value: object) -> list:
    return [each for each in to_list(value) if each is not None]


def sum_(value: object, key: str | None = None) -> int | float:
    items = to_list(value)
    return tidy(sum(to_number(each if key is None else item(each, key)) for each in items))


FILTERS: dict[str, Callable[..., object]] = {
    "abs": lambda value: abs(to_number(value)),
    "append": lambda value, other: to_text(value) + to_text(other),
    "at_least": lambda value, other: max(to_number(value), to_number(other)),
    "at_most": lambda value, other: min(to_number(value), to_number(other)),
    "capitalize": lambda value: to_text(value).capitalize(),
    "ceil": lambda value: math.ceil(to_number(value)),
    "compact": compact,
    "concat": concat,
    "default": default,
    "divided_by": divided_by,
    "downcase": lambda value: to_text(value).lower(),
    "escape": escape,
    "first": first,
    "floor": lambda value: math.floor(to_number(value)),
    "join": join,
    "last": last,
    "lstrip": lambda value: to_text(value).lstrip(),
    "map": map_,
    "minus": minus,
    "modulo": modulo,
    "newline_to_br": newline_to_br,
    "plus": plus,
    "prepend": lambda value, other: to_text(other) + to_text(value),
    "remove": lambda value, old: replace(value, old),
    "remove_first": lambda value, old: replace_first(value, old),
    "replace": replace,
    "replace_first": replace_first,
    "reverse": reverse,
    "round": round_,
    "rstrip": lambda value: to_text(value).rstrip(),
    "size": size,
    "slice": slice_,
    "sort": sort,
    "sort_natural": sort_natural,
    "split": split,
    "strip": lambda value: to_text(value).strip(),
    "strip_html": strip_html,
    "strip_newlines": strip_newlines,
    "sum": sum_,
    "times": times,
    "truncate": truncate,
    "truncatewords": truncatewords,
    "uniq": uniq,
    "upcase": lambda value: to_text(value).upper(),
    "url_encode": url_encode,
    "where": where,
}
