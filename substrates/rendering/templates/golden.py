"""Cases written by hand, each about one thing, with the answer beside it."""

from __future__ import annotations

from typing import Any

__all__ = ["golden"]

_SHOP: dict[str, Any] = {
    "site": {"name": "Moss & Sons", "open": True, "motto": None},
    "products": [
        {"title": "Lamp", "price": 12.5, "stock": 3, "sold_out": False, "tags": ["light", "brass"]},
        {"title": "Rug", "price": 80.0, "stock": 0, "sold_out": True, "tags": []},
        {"title": "Mug <big>", "price": 4.99, "stock": 41, "sold_out": False, "tags": ["clay"]},
    ],
    "words": ["pear", "apple", "fig"],
    "count": 7,
}

_ERROR = None
"""The answer of a malformed template."""

_CASES: tuple[tuple[str, str | None], ...] = (
    # output and paths
    ("Hello.", "Hello."),
    ("{{ site.name }}", "Moss & Sons"),
    ("{{ site.name | escape }}", "Moss &amp; Sons"),
    ("{{ '<a href=\"x\">' | escape }}", "&lt;a href=&quot;x&quot;&gt;"),
    ('{{ "it\'s" | escape }}', "it&#x27;s"),
    ("{{ products[2].title | escape | append: '!' }}", "Mug &lt;big&gt;!"),
    ("{{ products.first.title }}, {{ products[-1].tags[0] }}, {{ products.size }}", "Lamp, clay, 3"),
    ('{{ site["name"] }}', "Moss & Sons"),
    ("[{{ nothing }}{{ site.nothing.at_all }}{{ site.motto }}]", "[]"),
    ("{{ true }} {{ 3 }} {{ 2.50 }} {{ (1..4) }}", "true 3 2.5 1..4"),
    # conditions
    ("{% if site.open %}open{% else %}closed{% endif %}", "open"),
    ("{% if count > 9 %}many{% elsif count > 5 %}some{% else %}few{% endif %}", "some"),
    ("{% unless count == 7 %}no{% else %}seven{% endunless %}", "seven"),
    ("{% if false and false or true %}left first{% else %}right first{% endif %}", "right first"),
    ("{% if words contains 'fig' and site.name contains '&' %}both{% endif %}", "both"),
    ("{% if '' %}empty text is true{% endif %}", "empty text is true"),
    ("{% if site.motto == nil and products[1].tags == empty %}nil, empty{% endif %}", "nil, empty"),
    ("{% case count %}{% when 1, 2 %}low{% when 7 %}lucky{% else %}other{% endcase %}", "lucky"),
    # loops
    ("{% for p in products %}{{ forloop.index }}:{{ p.title }} {% endfor %}", "1:Lamp 2:Rug 3:Mug <big> "),
    ("{% for w in words limit:1 offset:1 %}{{ w }}{% endfor %}", "apple"),
    ("{% for w in words reversed %}{{ w }}{% unless forloop.last %}, {% endunless %}{% endfor %}", "fig, apple, pear"),
    ("{% for t in products[1].tags %}{{ t }}{% else %}none{% endfor %}", "none"),
    ("{% for i in (1..9) %}{% if i == 4 %}{% break %}{% endif %}{{ i }}{% endfor %}", "123"),
    ("{% for i in (1..4) %}{% if i == 2 %}{% continue %}{% endif %}{{ i }}{% endfor %}", "134"),
    (
        "{% for p in products %}{% for t in p.tags %}{{ forloop.parentloop.index }}{{ t }} {% endfor %}{% endfor %}",
        "1light 1brass 3clay ",
    ),
    (
        "{% for w in words limit:2 %}{{ w }} {% endfor %}/ {% for w in words offset:continue %}{{ w }}{% endfor %}",
        "pear apple / fig",
    ),
    ("{% for i in (1..3) %}{% cycle 'odd', 'even' %} {% endfor %}", "odd even odd "),
    (
        "{% tablerow w in words cols:2 %}{{ w }}{% endtablerow %}",
        '<tr class="row1">\n<td class="col1">pear</td><td class="col2">apple</td></tr>\n'
        '<tr class="row2"><td class="col1">fig</td></tr>\n',
    ),
    # variables
    (
        "{% assign sum = 0 %}{% for p in products %}{% assign sum = sum | plus: p.price %}{% endfor %}{{ sum }}",
        "97.49",
    ),
    ("{% capture who %}<{{ site.name }}>{% endcapture %}{{ who | escape }}", "&lt;Moss &amp; Sons&gt;"),
    ("{% increment n %}{% increment n %}{% decrement n %}{{ n }}", "0111"),
    # white space
    ("a {%- if true -%} b {%- endif -%} c", "abc"),
    ("x  {{- 1 -}}  y", "x1y"),
    ("[{% if true %}  {% assign a = 1 %}\n{% endif %}]", "[]"),
    ("[{% if true %}  {{ nothing }}\n{% endif %}]", "[  \n]"),
    # filters
    ("{{ words | sort | join: ', ' | upcase }}", "APPLE, FIG, PEAR"),
    ("{{ products | where: 'sold_out', false | map: 'title' | join: '/' }}", "Lamp/Mug <big>"),
    ("{{ products | sort: 'price' | last | size }}", "5"),
    ("{{ 'a-b-c' | split: '-' | reverse | first }}{{ 'one two' | replace: 'o', '0' | capitalize }}", "c0ne tw0"),
    (
        "{{ 17 | divided_by: 5 }} {{ 17 | modulo: 5 }} {{ 17 | divided_by: 4.0 }} {{ 3.14159 | round: 2 }}",
        "3 2 4.25 3.14",
    ),
    ("{{ 0.1 | plus: 0.2 }} {{ 4.99 | times: 3 }} {{ -3 | abs }} {{ 4.2 | ceil }}", "0.3 14.97 3 5"),
    (
        "{{ 'The quick brown fox' | truncate: 12 }} {{ 'The quick brown fox' | truncatewords: 2 }}",
        "The quick... The quick...",
    ),
    ("{{ 'a b&c' | url_encode }} {{ '<p>Hi <b>you</b></p>' | strip_html }}", "a+b%26c Hi you"),
    ("{{ site.motto | default: 'none yet' }} {{ 'abcdef' | slice: -3, 2 }}", "none yet de"),
    # text that looks like markup
    ("{ {{ count }} } { % } }} %}", "{ 7 } { % } }} %}"),
    ("body { color: {{ 'red' }}; } {", "body { color: red; } {"),
    ("{% raw %}{{ count }} {% if %}{% endraw %}", "{{ count }} {% if %}"),
    ("a{% comment %} {{ gone }} {% if %} {% endcomment %}b", "ab"),
    # malformed
    ("{{ site.name", _ERROR),
    ("{{ site.name }", _ERROR),
    ("{{ }}", _ERROR),
    ("{{ count | }}", _ERROR),
    ("{{ count | no_such_filter }}", _ERROR),
    ("{{ count | divided_by: 0 }}", _ERROR),
    ("{% if count %}", _ERROR),
    ("{% if count === 7 %}{% endif %}", _ERROR),
    ("{% for w of words %}{% endfor %}", _ERROR),
    ("{% endif %}", _ERROR),
    ("{% no_such_tag %}", _ERROR),
    ("{% %}", _ERROR),
    ("{% break %}", _ERROR),
)


def golden() -> list[tuple[str, dict[str, Any], str | None]]:
    """Template, data and page; None where the template is malformed."""
    return [(template, _SHOP, page) for template, page in _CASES]
