"""Expressions of a wanted kind, over the variables that are in scope: paths, filters and conditions.

They keep to what Liquid says everywhere the same. Left out, as implementations differ: booleans, nil and records
turned to text by a filter, rounding of long fractions, numbers compared with texts, HTML that is not well-formed.
"""

from __future__ import annotations

from collections.abc import Iterator

from substrates.rendering.templates.data import WORDS, Dice, Field, Kind

__all__ = ["Phrases"]

_PROSE: tuple[Kind, ...] = ("text", "text", "text", "lines", "html", "note")
_SPLITS = (
    'split: " " | join: "_"',
    'split: "a" | join: "-"',
    'split: "" | reverse | join: ""',
    'split: " " | sort | first | default: "-"',  # nil turned to text is None to one engine, nothing to another
    "split: ' ' | last | default: 'none'",
    'split: " " | size',
    "size",
)
_MISSING = ("nothing", "site.nowhere", "keywords[99]", "unknown.deep.path")


def _reached(path: str, field: Field, kinds: tuple[Kind, ...]) -> Iterator[tuple[str, Kind | None, Field]]:
    """What of these kinds a variable is or has as a field: (its path, its own kind if a field is meant, that)."""
    if field.kind in kinds:
        yield path, None, field
    if field.kind in ("record", "records"):
        for inner in field.fields:
            if inner.kind in kinds and not field.kind == inner.kind == "records":
                yield path, field.kind, inner


class Phrases:
    """Writes expressions. `scope` holds (path, field) of every variable, the innermost last."""

    def __init__(self, dice: Dice, fields: tuple[Field, ...]) -> None:
        self.dice = dice
        self.scope: list[tuple[str, Field]] = [(field.name, field) for field in fields]

    def reach(self, *kinds: Kind, near: bool = True) -> tuple[str, Field] | None:
        """A variable of one of these kinds, or such a field of one; mostly of the innermost variables."""
        found = []
        if near and len(self.scope) > 2 and self.dice.chance(0.6):
            found = [each for path, field in self.scope[-2:] for each in _reached(path, field, kinds)]
        if not found:
            found = [each for path, field in self.scope for each in _reached(path, field, kinds)]
        if not found:
            return None
        path, owner, field = self.dice.one(found)
        if owner == "records":
            path = self.dice.one((f"{path}.first", f"{path}.last", f"{path}[{self.dice.number(-3, 3)}]"))
        if owner is not None:
            path = f'{path}["{field.name}"]' if self.dice.chance(0.04) else f"{path}.{field.name}"
        return path, field

    def records(self) -> tuple[str, Field]:
        """A list of records; a page always has some."""
        found = self.reach("records", near=False)
        assert found is not None
        return found

    def path(self, *kinds: Kind) -> str:
        """A variable of one of these kinds; a missing one where there is none."""
        found = self.reach(*kinds)
        return self.dice.one(_MISSING) if found is None else found[0]

    def literal(self) -> str:
        dice = self.dice
        words = " ".join(dice.one(WORDS) for _ in range(dice.number(1, 2)))
        return dice.one((f'"{words}"', f"'{words}'", f'"{words}, "', f"' {words}'", '"it\'s <b>"', "' & '"))

    def shown(self) -> str:
        """Whatever a page would print, through its filters."""
        dice = self.dice
        draw = dice.number(0, 99)
        if draw < 52:
            return self.text()
        if draw < 70:
            return self.number()
        if draw < 80:
            return self.price()
        if draw < 92:
            return self.listed()
        return dice.one((self.path("flag"), dice.one(_MISSING), f"{self.path('tags')} | size", self.literal()))

    def text(self) -> str:
        dice = self.dice
        kind: Kind = dice.one(_PROSE)
        path = self.path(kind) if dice.chance(0.93) else self.literal()
        chain = [path]
        if kind == "html" and dice.chance(0.5):
            chain.append("strip_html")
        if kind == "lines" and dice.chance(0.4):
            chain.append(dice.one(("newline_to_br", "strip_newlines")))
        if kind == "note":
            chain.append(f"default: {self.literal()}")
        chain += [self.text_filter() for _ in range(dice.one((0, 0, 1, 1, 2, 3)))]
        if dice.chance(0.15):
            chain.append("escape")
        return " | ".join(chain)

    def text_filter(self) -> str:
        dice = self.dice
        word, few = dice.one(WORDS), dice.number(1, 5)
        draw = dice.number(0, 9)
        if draw < 3:
            return dice.one(("escape", "upcase", "downcase", "capitalize", "strip", "lstrip", "rstrip", "url_encode"))
        if draw < 5:
            return f"{dice.one(('append', 'prepend', 'default'))}: {self.literal()}"
        if draw < 6:
            return f"append: {self.path('text', 'count')}"
        if draw < 7:
            return dice.one(
                (f'replace: "{word[:2]}", "{word[1:3]}"', f"replace_first: '{word[0]}', '*'", "replace: ' ', '-'")
            )
        if draw < 8:
            return dice.one(
                (f'remove: "{word[0]}"', f'remove_first: "{word[1]}"', f"slice: {few - 6}, {few}", f"slice: {few}")
            )
        if draw < 9:
            return dice.one((f"truncate: {few + 8}", f"truncate: {few * 4}, '..'", f"truncatewords: {few}, '--'"))
        return dice.one(_SPLITS)

    def number(self) -> str:
        dice = self.dice
        chain = [self.path("count") if dice.chance(0.9) else str(dice.number(-5, 40))]
        for _ in range(dice.one((0, 1, 1, 2, 3))):
            small = dice.number(2, 9)
            chain.append(
                dice.one(
                    (
                        *(f"plus: {dice.number(0, 50)}", f"minus: {small}", f"times: {small}", f"modulo: {small}"),
                        *(f"divided_by: {small}", f"at_least: {small}", f"at_most: {small * 100}", "abs"),
                        *(f"plus: {self.path('count')}", f"minus: {self.path('count')}", "round", "ceil", "floor"),
                    )
                )
            )
        if dice.chance(0.15):
            chain.append(dice.one(("divided_by: 100.0", 'append: " pcs"', 'prepend: "#"')))
        return " | ".join(chain)

    def price(self) -> str:
        """Two decimals stay exact through these."""
        dice = self.dice
        chain = [self.path("price")]
        small = dice.number(2, 9)
        if dice.chance(0.6):
            chain.append(dice.one((f"times: {small}", f"plus: {small}.25", "minus: 0.5", f"at_least: {small}", "abs")))
        if dice.chance(0.5):
            chain.append(dice.one(("round: 2", "round: 1", "round", "ceil", "floor")))
        if dice.chance(0.3):
            chain.append(dice.one(('prepend: "$"', 'append: " EUR"')))
        return " | ".join(chain)

    def texts(self) -> str:
        """A list of texts."""
        dice = self.dice
        if dice.chance(0.4):
            path, field = self.records()
            key = dice.one([each.name for each in field.fields if each.kind in ("text", "count")])
            chain = [f"{self.narrowed(path, field)} | map: '{key}'"]
        else:
            chain = [self.path("tags")]
        for _ in range(dice.one((0, 1, 1, 2))):
            chain.append(dice.one(("sort", "reverse", "uniq", "compact", f"concat: {self.path('tags')} | uniq")))
        # counts and texts in one list are in no order
        if any(each.startswith("concat") for each in chain):
            chain = [each for each in chain if each != "sort"]
        return " | ".join(chain)

    def narrowed(self, path: str, field: Field) -> str:
        """Records of a list: all, or some, or in another order."""
        dice = self.dice
        names = {kind: [each.name for each in field.fields if each.kind == kind] for kind in ("flag", "text", "count")}
        chain = [path]
        if dice.chance(0.4):
            flag = dice.one(names["flag"])
            chain.append(dice.one((f'where: "{flag}"', f'where: "{flag}", true', f'where: "{flag}", false')))
        if dice.chance(0.4):
            key = dice.one(names["text"] + names["count"])
            chain.append(dice.one((f'sort: "{key}"', f'sort_natural: "{dice.one(names["text"])}"', "reverse")))
        return " | ".join(chain)

    def listed(self) -> str:
        """A list, joined or summed up or picked from."""
        dice = self.dice
        if dice.chance(0.3):
            path, field = self.records()
            key = dice.one([each.name for each in field.fields if each.kind == "count"])
            return dice.one(
                (f"{path} | sum: '{key}'", f"{path} | map: '{key}' | sum", f"{path} | size", f"{path}.size")
            )
        return f"{self.texts()} | " + dice.one(('join: ", "', "join", "join: ' / '", "first", "last", "size"))

    def condition(self) -> str:
        dice = self.dice
        found = self._comparison()
        for _ in range(dice.one((0, 0, 0, 1, 1, 2))):
            found += f" {dice.one(('and', 'or'))} {self._comparison()}"
        return found

    def _comparison(self) -> str:
        dice = self.dice
        draw = dice.number(0, 9)
        if draw < 2:
            return self.path("flag") + dice.one(("", "", " == true", " == false", " != true"))
        if draw < 5:
            sign = dice.one(("<", ">", "<=", ">=", "==", "!=", "<>"))
            limit = dice.one((str(dice.number(0, 3000)), str(dice.number(0, 9)), self.path("count"), "0.5"))
            return f"{self.path('count', 'price')} {sign} {limit}"
        if draw < 7:
            word = dice.one(WORDS)
            return f"{self.path('text', 'lines', 'tags')} contains '{word if dice.chance(0.4) else word[:1]}'"
        if draw < 8:
            return f"{self.path('tags')}.size {dice.one(('>', '<', '=='))} {dice.number(0, 4)}"
        if draw < 9:
            other = dice.one((f"'{dice.one(WORDS)}'", "blank", "empty"))
            return f"{self.path('text')} {dice.one(('==', '!='))} {other}"
        return self.path("note") + dice.one(("", "", " == nil", " != nil", " != blank"))
