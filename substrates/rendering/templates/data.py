"""What a page is filled with: records with fields of known kinds, so that templates can be written to fit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np

__all__ = ["WORDS", "Dice", "Field", "Kind", "made_up"]

Kind = Literal["text", "lines", "html", "count", "price", "flag", "note", "tags", "record", "records"]
"""`lines` is text of several lines, `note` a text or nil, `tags` a list of texts; the rest speaks for itself."""

WORDS = [
    "amber",
    "anchor",
    "autumn",
    "basket",
    "birch",
    "bottle",
    "candle",
    "cedar",
    "clay",
    "cloud",
    "copper",
    "cotton",
    "coral",
    "daisy",
    "delta",
    "dune",
    "ember",
    "falcon",
    "felt",
    "fern",
    "flint",
    "garden",
    "ginger",
    "glass",
    "granite",
    "harbor",
    "hazel",
    "heron",
    "honey",
    "indigo",
    "iris",
    "ivory",
    "juniper",
    "kettle",
    "lantern",
    "larch",
    "lemon",
    "linen",
    "maple",
    "marble",
    "meadow",
    "mint",
    "moss",
    "oak",
    "olive",
    "opal",
    "orchid",
    "pebble",
    "pepper",
    "pine",
    "plum",
    "poppy",
    "quartz",
    "quill",
    "raven",
    "reed",
    "river",
    "saffron",
    "sage",
    "slate",
    "spruce",
    "stone",
    "sugar",
    "teal",
    "thistle",
    "timber",
    "velvet",
    "violet",
    "walnut",
    "willow",
    "wool",
]
_TRICKY = (
    "R&D",
    "O'Neill",
    "5 < 6",
    "<i>",
    '"quoted"',
    "naïve",
    "café",
    "smörgås",
    "日本",
    "a+b",
    "50%",
    "{",
    "}",
    "--",
)
_COLLECTIONS = ["products", "articles", "orders", "members", "comments", "posts", "events", "rooms", "recipes", "books"]
_FIELDS: dict[Kind, tuple[str, ...]] = {
    "text": ("title", "name", "vendor", "author", "city", "handle", "label", "brand", "color"),
    "lines": ("summary", "excerpt", "address"),
    "html": ("body", "content_html", "description"),
    "count": ("stock", "quantity", "cents", "votes", "year", "position"),
    "price": ("price", "rating", "weight"),
    "flag": ("available", "featured", "hidden", "verified"),
    "note": ("note", "subtitle", "discount_code"),
    "tags": ("tags", "labels", "colors"),
    "records": ("variants", "options", "replies", "lines"),
}


_T = TypeVar("_T")


class Dice:
    """Choices from one generator, drawn in blocks: one draw at a time costs a page more than all the rest."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._draws = self._endless(rng)

    @staticmethod
    def _endless(rng: np.random.Generator) -> Iterator[float]:
        while True:
            yield from rng.random(2048).tolist()

    def number(self, low: int, high: int) -> int:
        """From low to high, both included."""
        return low + int(next(self._draws) * (high - low + 1))

    def chance(self, probability: float) -> bool:
        return next(self._draws) < probability

    def one(self, options: Sequence[_T]) -> _T:
        return options[int(next(self._draws) * len(options))]

    def some(self, options: Sequence[_T], count: int) -> list[_T]:
        """Without repeats, in random order."""
        left = list(options)
        return [left.pop(self.number(0, len(left) - 1)) for _ in range(count)]


@dataclass(frozen=True)
class Field:
    """A value's name and kind; a record, or each of several, has `fields`."""

    name: str
    kind: Kind
    fields: tuple[Field, ...] = ()


def made_up(dice: Dice) -> tuple[dict[str, Any], tuple[Field, ...]]:
    """A page's data, and the fields that it has."""
    fields = [Field("site", "record", _fields(dice, nested=False))]
    fields += [
        Field(name, "records", _fields(dice, nested=True)) for name in dice.some(_COLLECTIONS, dice.number(2, 3))
    ]
    fields += [Field("heading", "text"), Field("page_count", "count"), Field("keywords", "tags")]
    fields.append(Field("preview", "flag"))
    return _record(dice, fields, most=dice.number(3, 9)), tuple(fields)


def _fields(dice: Dice, nested: bool) -> tuple[Field, ...]:
    found = [Field(name, "text") for name in dice.some(_FIELDS["text"], 3)]
    for kind in ("lines", "html", "price", "note", "tags"):
        found += [Field(dice.one(_FIELDS[kind]), kind)] if dice.chance(0.7) else []
    found += [Field(name, "count") for name in dice.some(_FIELDS["count"], 2)]
    found.append(Field(dice.one(_FIELDS["flag"]), "flag"))
    if nested and dice.chance(0.7):
        found.append(Field(dice.one(_FIELDS["records"]), "records", _fields(dice, nested=False)))
    return tuple(found)


def _record(dice: Dice, fields: Sequence[Field], most: int) -> dict[str, Any]:
    return {field.name: _value(dice, field, most) for field in fields}


def _value(dice: Dice, field: Field, most: int) -> Any:
    """`most`: the length of a list; the lists inside of its records are shorter."""
    if field.kind == "record":
        return _record(dice, field.fields, 2)
    if field.kind == "records":
        return [_record(dice, field.fields, 2) for _ in range(dice.number(0 if dice.chance(0.1) else 2, most))]
    if field.kind == "tags":
        return [dice.one(WORDS) for _ in range(dice.number(0, 5))]
    if field.kind == "count":
        return dice.number(-20, 20) if dice.chance(0.2) else dice.number(0, 4000)
    if field.kind == "price":
        return dice.number(0, 20000) / 100
    if field.kind == "flag":
        return dice.chance(0.5)
    if field.kind == "html":
        return _html(dice)
    if field.kind == "lines":
        return "\n".join(_phrase(dice) for _ in range(dice.number(1, 3)))
    if field.kind == "note" and dice.chance(0.5):
        return None
    return "" if dice.chance(0.05) else _phrase(dice)


def _phrase(dice: Dice) -> str:
    words = [dice.one(_TRICKY) if dice.chance(0.1) else dice.one(WORDS) for _ in range(dice.number(1, 6))]
    phrase = (" " if dice.chance(0.9) else "  ").join(words)
    return phrase.capitalize() if dice.chance(0.5) else phrase


def _html(dice: Dice) -> str:
    """Well-formed: what becomes of broken HTML is no question of Liquid."""
    found = []
    for _ in range(dice.number(1, 3)):
        first, second, third = dice.one(WORDS), dice.one(WORDS), dice.one(WORDS)
        found.append(
            dice.one((f"<p>{first} <b>{second}</b> {third}</p>", f'<a href="/{first}">{second}</a><br/>{third}'))
        )
    return "\n".join(found)
