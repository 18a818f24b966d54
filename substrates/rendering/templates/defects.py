"""What makes a template malformed: pieces that no page may hold, and ways to break one."""

from __future__ import annotations

import re

from substrates.rendering.templates.data import Dice

__all__ = ["broken"]

_PIECES = (
    "{{ site.name",
    "{{ site.name }",
    "{{ }}",
    "{{ | upcase }}",
    "{{ heading | }}",
    "{{ heading | no_such_filter }}",
    "{{ heading | upcase: 1, 2 }}",
    "{{ heading | append }}",
    '{{ heading append: "!" }}',
    "{{ 'heading }}",
    "{{ heading. }}",
    "{{ heading..name }}",
    "{{ keywords[0 }}",
    "{{ keywords[] }}",
    "{{ heading # }}",
    "{{{ heading }}}",
    "{{ page_count | divided_by: 0 }}",
    "{{ page_count | modulo: 0 }}",
    "{{ keywords | concat: 3 }}",
    "{{ (1..3 }}",
    "{% %}",
    "{%%}",
    "{% unknown %}",
    "{% if %}x{% endif %}",
    "{% if preview %}x",
    "{% if preview %}x{% endfor %}",
    "{% if preview = true %}x{% endif %}",
    "{% if preview == %}x{% endif %}",
    "{% if preview and %}x{% endif %}",
    "{% if page_count === 1 %}x{% endif %}",
    '{% if "one" < 1 %}x{% endif %}',
    "{% if preview",
    "{% elsif preview %}",
    "{% else %}",
    "{% endif %}",
    "{% unless %}x{% endunless %}",
    "{% for word of keywords %}x{% endfor %}",
    "{% for in keywords %}x{% endfor %}",
    "{% for word in keywords %}x",
    "{% for word in keywords limit %}x{% endfor %}",
    "{% for word in keywords backwards %}x{% endfor %}",
    "{% endfor %}",
    "{% break %}",
    "{% continue %}",
    "{% case %}{% when 1 %}x{% endcase %}",
    "{% case page_count %}{% when 1 %}x",
    "{% when 1 %}",
    "{% assign = 3 %}",
    "{% assign total %}",
    "{% assign a.b = 3 %}",
    "{% assign total = 3 | %}",
    "{% capture %}x{% endcapture %}",
    "{% capture words %}x",
    "{% cycle %}",
    "{% increment %}",
    "{% raw %}x",
    "{% comment %}x",
)

_ENDS = re.compile(r"\{%-? end(?:if|for|unless|case|capture|tablerow) -?%\}")


def broken(dice: Dice, blocks: list[str]) -> str:
    """The page of these blocks with one defect: a bad piece between them, a lost end, or the tail cut off."""
    page = "\n".join(blocks)
    ends = list(_ENDS.finditer(page))
    draw = dice.number(0, 9)
    if draw == 0 and ends:
        lost = dice.one(ends)
        return page[: lost.start()] + page[lost.end() :]
    if draw == 1:
        return page[: dice.number(len(page) // 2, len(page))].rstrip()
    place = dice.number(0, len(blocks))
    return "\n".join([*blocks[:place], dice.one(_PIECES), *blocks[place:]])
