"""Whole templates, as a theme or a site's layout has them, with the data that they are filled with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from substrates.rendering.templates.data import WORDS, Dice, Field, made_up
from substrates.rendering.templates.defects import broken
from substrates.rendering.templates.phrases import Phrases

__all__ = ["page"]

_MALFORMED = 0.08
"""Of all pages: enough that an engine which lets errors through is caught in a trial of 100 with p > 0.999."""

_DEEPEST = 3
_TRIMMED = 0.1
_STRAY = ("{", "}", "%", "{ }", "}}", "%}", '{ "id": 7 }', "a { color: red }", "100 %", "{ {", "{ %", "$ {x}")


def page(rng: np.random.Generator) -> tuple[str, dict[str, Any]]:
    """A template and its data."""
    dice = Dice(rng)
    data, fields = made_up(dice)
    writer = _Writer(dice, Phrases(dice, fields))
    blocks = [writer.block(0) for _ in range(dice.number(5, 10))]
    if dice.chance(_MALFORMED):
        return broken(dice, blocks), data
    if dice.chance(0.1):
        blocks.append("the end {")
    return "\n".join(blocks), data


class _Writer:
    """Writes one template, block by block."""

    def __init__(self, dice: Dice, phrases: Phrases) -> None:
        self.dice = dice
        self.phrases = phrases
        self.names = 0

    def block(self, depth: int) -> str:
        dice = self.dice
        deep: tuple[Callable[[int], str], ...] = (
            self.loop,
            self.loop,
            self.loop,
            self.branch,
            self.branch,
            self.unless,
        )
        deep += (self.case, self.capture, self.summed, self.halves, self.chosen)
        flat: tuple[Callable[[int], str], ...] = (self.line, self.line, self.line, self.assignment, self.prose)
        flat += (self.comment, self.raw, self.counter, self.numbered, self.table)
        room = depth < _DEEPEST and dice.chance(0.6 if depth == 0 else 0.35)
        return dice.one(deep if room else flat)(depth)

    def body(self, depth: int) -> str:
        """A line, that no body is blank by chance, and sometimes more."""
        inside = [self.line(depth), *(self.block(depth) for _ in range(self.dice.one((0, 1, 1, 2))))]
        gap = "\n" + "  " * depth
        return gap + gap.join(inside) + "\n" + "  " * (depth - 1)

    def tag(self, inside: str) -> str:
        left, right = ("-" if self.dice.chance(_TRIMMED) else "" for _ in range(2))
        return f"{{%{left} {inside} {right}%}}"

    def output(self, inside: str) -> str:
        left, right = ("-" if self.dice.chance(_TRIMMED / 2) else "" for _ in range(2))
        space = "" if self.dice.chance(0.1) else " "
        return f"{{{{{left}{space}{inside}{space}{right}}}}}"

    def fresh(self) -> str:
        self.names += 1
        return f"{self.dice.one(WORDS)}_{self.names}"

    def words(self) -> str:
        found = " ".join(self.dice.one(WORDS) for _ in range(self.dice.number(1, 5)))
        return f"{found} {self.dice.one(_STRAY)}" if self.dice.chance(0.1) else found

    def line(self, depth: int) -> str:
        dice = self.dice
        element = dice.one(("p", "h2", "li", "span", "td"))
        shown = self.output(self.phrases.shown())
        return dice.one(
            (
                f"<{element}>{shown}</{element}>",
                f'<{element} class="{dice.one(WORDS)}">{self.words()}: {shown} {self.words()}</{element}>',
                f'<a href="/{self.output(self.phrases.text() + " | url_encode")}">{shown}</a>',
                f"{self.words()} {shown}, {self.output(self.phrases.shown())}.",
            )
        )

    def prose(self, depth: int) -> str:
        return f"<p>{self.words()} {self.words()}</p>"

    def comment(self, depth: int) -> str:
        inside = self.dice.one((self.words(), "{{ site.name }} {% if %} {% unknown %}", self.line(depth)))
        return f"{self.tag('comment')} {inside} {self.tag('endcomment')}"

    def raw(self, depth: int) -> str:
        inside = self.dice.one(("{{ not.rendered | upcase }}", "{% if x %} {{", "{ { } }", self.words() + " {%"))
        return f"{{% raw %}} {inside} {{% endraw %}}"

    def counter(self, depth: int) -> str:
        name = self.dice.one(("seen", "rows", "position"))
        return self.dice.one(
            (f"{self.tag('increment ' + name)}.", f"{self.tag('decrement ' + name)}.", f"[{self.output(name)}]")
        )

    def assignment(self, depth: int) -> str:
        name = self.fresh()
        kind, value = self.dice.one(
            (
                ("text", self.phrases.text()),
                ("count", self.phrases.number()),
                ("tags", self.phrases.texts()),
                ("tags", f'"{" ".join(self.dice.some(WORDS, 4))}" | split: " "'),
            )
        )
        if (kind == "count" and "append" in value) or "prepend" in value or "100.0" in value:
            kind = "text"
        assigned = self.tag(f"assign {name} = {value}")
        if kind == "tags":
            return f"{assigned} {self.output(name + ' | join: ' + self.phrases.literal())}"
        self.phrases.scope.append((name, Field(name, "text" if kind == "text" else "count")))
        return f"{assigned} {self.output(name)}"

    def capture(self, depth: int) -> str:
        name = self.fresh()
        inside = self.body(depth + 1)
        shown = self.output(name + self.dice.one(("", " | strip", " | escape", " | size", " | strip_newlines")))
        return f"{self.tag('capture ' + name)}{inside}{self.tag('endcapture')}{shown}"

    def chosen(self, depth: int) -> str:
        """Branches that only assign: nothing of them is printed, white space neither."""
        name = self.fresh()
        one, other = (self.tag(f"assign {name} = {self.phrases.text()}") for _ in range(2))
        condition = self.phrases.condition()
        branches = f"{self.tag('if ' + condition)}\n  {one}\n{self.tag('else')}\n  {other}\n{self.tag('endif')}"
        return f"{branches}{self.output(name + ' | escape')}"

    def branch(self, depth: int) -> str:
        found = self.tag(f"if {self.phrases.condition()}") + self.body(depth + 1)
        for _ in range(self.dice.one((0, 0, 1, 2))):
            found += self.tag(f"elsif {self.phrases.condition()}") + self.body(depth + 1)
        if self.dice.chance(0.5):
            found += self.tag("else") + self.body(depth + 1)
        return found + self.tag("endif")

    def unless(self, depth: int) -> str:
        found = self.tag(f"unless {self.phrases.condition()}") + self.body(depth + 1)
        if self.dice.chance(0.4):
            found += self.tag("else") + self.body(depth + 1)
        return found + self.tag("endunless")

    def case(self, depth: int) -> str:
        dice = self.dice
        texts = dice.chance(0.5)
        subject = self.phrases.path("text") if texts else self.phrases.path("count")
        values = [f"'{word}'" for word in dice.some(WORDS, 6)] if texts else [str(n) for n in dice.some(range(30), 6)]
        found = self.tag(f"case {subject}") + "\n"
        for i in range(dice.number(1, 3)):
            choices = dice.one((values[2 * i], f"{values[2 * i]}, {values[2 * i + 1]}"))
            found += self.tag(f"when {choices.replace(',', ' or') if dice.chance(0.3) else choices}")
            found += self.body(depth + 1)
        if dice.chance(0.7):
            found += self.tag("else") + self.body(depth + 1)
        return found + self.tag("endcase")

    def options(self) -> str:
        dice = self.dice
        found = [f"limit: {dice.number(1, 5)}"] if dice.chance(0.25) else []
        found += [f"offset:{dice.number(0, 3)}"] if dice.chance(0.2) else []
        found += ["reversed"] if dice.chance(0.15) else []
        return "".join(f" {each}" for each in found)

    def loop(self, depth: int) -> str:
        """Over records or texts; its variable is in scope inside."""
        dice = self.dice
        path, field = self.phrases.reach("records", "tags") or self.phrases.records()
        variable = dice.one(("item", "entry", "each", "row"))
        inner = Field(variable, "record", field.fields) if field.kind == "records" else Field(variable, "text")
        outer = list(self.phrases.scope)
        before = ""
        if field.kind == "records" and dice.chance(0.2):
            name = self.fresh()
            before = self.tag(f"assign {name} = {self.phrases.narrowed(path, field)}") + "\n"
            path = name
        self.phrases.scope.append((variable, inner))
        inside = self.turns(depth) + self.body(depth + 1)
        self.phrases.scope[:] = outer
        found = before + self.tag(f"for {variable} in {path}{self.options()}") + inside
        if dice.chance(0.25):
            found += self.tag("else") + self.body(depth + 1)
        return found + self.tag("endfor")

    def turns(self, depth: int) -> str:
        """What a loop's body says of the loop itself."""
        dice = self.dice
        found = ""
        if dice.chance(0.5):
            of = "forloop.parentloop" if depth and dice.chance(0.2) else "forloop"
            facts = ("index", "index0", "rindex", "rindex0", "length", "first", "last")
            found += f" {self.output(f'{of}.{dice.one(facts)}')}"
        if dice.chance(0.2):
            group = dice.one(("", "", "'rows': ")) + dice.one(("'odd', 'even'", "'a', 'b', 'c'"))
            found += f" {self.tag('cycle ' + group)}"
        if dice.chance(0.2):
            leave = dice.one(("break", "continue"))
            condition = dice.one((f"forloop.index > {dice.number(1, 6)}", self.phrases.condition()))
            found += f"{self.tag('if ' + condition)}{self.tag(leave)}{self.tag('endif')}"
        if dice.chance(0.2):
            found += f"{self.tag('unless forloop.last')}, {self.tag('endunless')}"
        return found

    def numbered(self, depth: int) -> str:
        """Over a range."""
        last = self.dice.one((str(self.dice.number(2, 6)), "keywords.size"))
        inside = f"{self.turns(depth)}{self.output('n')} "
        return f"{self.tag(f'for n in (1..{last})')}{inside}{self.tag('endfor')}"

    def table(self, depth: int) -> str:
        inside = (
            f"{self.output('cell | upcase')}{self.output('tablerowloop.' + self.dice.one(('col', 'row', 'index')))}"
        )
        head = self.tag(f"tablerow cell in keywords cols:{self.dice.number(1, 3)}")
        return f"{head}{inside}{self.tag('endtablerow')}"

    def summed(self, depth: int) -> str:
        """A total carried through a loop whose body prints nothing."""
        path, field = self.phrases.records()
        key = self.dice.one([each.name for each in field.fields if each.kind in ("count", "price")])
        name = self.fresh()
        step = self.tag(f"assign {name} = {name} | plus: it.{key}")
        head, tail = self.tag(f"for it in {path}"), self.tag("endfor")
        return f"{self.tag(f'assign {name} = 0')}{head}\n  {step}\n{tail}total {self.output(name)}"

    def halves(self, depth: int) -> str:
        """A loop, and one that goes on where it stopped."""
        path, field = self.phrases.records()
        shown = self.output(f"it.{self.dice.one([each.name for each in field.fields if each.kind == 'text'])}")
        first = f"{self.tag(f'for it in {path} limit:{self.dice.number(1, 4)}')}{shown};{self.tag('endfor')}"
        rest = f"{self.tag(f'for it in {path} offset:continue')}{shown};{self.tag('endfor')}"
        return f"{first}\n{rest}"
