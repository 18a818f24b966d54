"""Documents to render: the Markdown files beside this one, and smaller ones made of what is easily broken."""

from __future__ import annotations

import random
from pathlib import Path

HERE = Path(__file__).parent
PIECES = [
    "# Title\n",
    "\n",
    "Under\n-----\n",
    "* item\n",
    "  1. nested\n",
    "- [x] done\n",
    "> quote\n",
    ">> deeper\n",
    "    code\n",
    "```py\nx = 1\n```\n",
    "~~~\nopen\n",
    "---\n",
    "text *em* **strong** ~~gone~~\n",
    "`code` and `` ` ``\n",
    "[link](http://e.x/a_b 'title')\n",
    "![alt](pic.png)\n",
    '[ref]\n\n[ref]: /url "T"\n',
    "<b>raw</b> &amp; <\n",
    "a\\*b\n",
    "| a | b |\n|---|:-:|\n| 1 | `x` |\n",
    "note[^1]\n\n[^1]: foot\n",
    "http://auto.example/?q=1\n",
    "<http://a.b>\n",
    "*open\n",
    "**a *b** c*\n",
    "line  \nbreak\n",
    "\t tab\n",
    "[a][b] ![c][d]\n",
    "Term\n: meaning\n",
    "***\n",
    "1) one\n2) two\n",
    "\x00é☃\n",
]


def documents() -> dict[str, str]:
    """Name -> Markdown. Which pieces stand together differs from folder to folder."""
    found = {path.name: path.read_text(encoding="utf-8") for path in sorted(HERE.glob("*.md"))}
    seed = sum(map(ord, "".join(found)))
    draw = random.Random(seed)
    for number in range(150):
        found[f"made {number}"] = "".join(draw.choices(PIECES, k=draw.randint(1, 14)))
    return found
