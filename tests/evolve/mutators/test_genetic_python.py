"""The Python edits: each by an example, before and after, which do the same when they are run."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from code_genomes import PYTHON

if find_spec("tree_sitter") is None:
    words = "the offline mutator for code needs tree-sitter: pip install -e '.[code]'"
    if os.environ.get("EVOLVE_NO_SKIPS"):
        pytest.fail(words, pytrace=False)
    pytest.skip(words, allow_module_level=True)

from evolve.mutators.genetic.edits import apply
from evolve.mutators.genetic.kinds import KINDS, sites
from evolve.mutators.genetic.source import is_sound, source_of

BLIND = ("number", "operator", "conditions", "simplify", "delete", "swap", "copy", "replace", "tune", "switch")


def results(kind: str, text: str) -> list[str]:
    """The file after each edit of that kind."""
    source = source_of("a.py", text)
    assert source is not None
    found = []
    for site in sites(kind, source):
        edit = site.edit(np.random.default_rng(0))
        files = apply({"a.py": text}, edit.splices) if edit is not None else None
        if files is not None and is_sound("a.py", files["a.py"]):
            found.append(files["a.py"])
    return found


def value(text: str, call: str) -> Any:
    space: dict[str, Any] = {}
    exec(text, space)  # the test's own text
    return eval(call, space)


# kind, before, a line or lines that some result has, a call that gives the same before and after
EXAMPLES = [
    (
        "hoist",
        "class A:\n    def __init__(self):\n        self.k = 3\n    def f(self, xs):\n        out = []\n"
        "        for x in xs:\n            out.append(x * self.k)\n        return out\n",
        "        out_append = out.append\n        self_k = self.k\n        for x in xs:\n"
        "            out_append(x * self_k)\n",
        "A().f([1, 2])",
    ),
    (
        "invariant",
        "def f(w, h, row):\n    t = 0\n    for x in range(w):\n        t += x * (w * h) + row[2]\n    return t\n",
        "    row_2 = row[2]\n    w_h = w * h\n    for x in range(w):\n        t += x * (w_h) + row_2\n",
        "f(3, 4, [1, 2, 5])",
    ),
    (
        "cache_local",
        "class A:\n    def __init__(self):\n        self.k = 3\n    def f(self, x):\n        '''Doc.'''\n"
        "        if x > self.k:\n            return self.k\n        return x\n",
        "        '''Doc.'''\n        self_k = self.k\n        if x > self_k:\n",
        "A().f(9)",
    ),
    (
        "reuse",
        "def f(a, b):\n    x = (a - b) * 2\n    y = (a - b) * 3\n    return x + y\n",
        "    a_b = a - b\n    x = (a_b) * 2\n    y = (a_b) * 3\n",
        "f(5, 3)",
    ),
    (
        "count",
        "def f(n):\n    t = 0\n    i = 0\n    while i <= n:\n        t += i\n        i += 2\n"
        "    i = 1\n    while i < n:\n"
        "        t += i * i\n        i += 1\n    return t\n",
        "    for i in range(i, n + 1, 2):\n        t += i\n",
        "f(7)",
    ),
    (
        "items",
        "def f(xs):\n    t = 0\n    for i in range(len(xs)):\n        t += xs[i] * i\n    return t\n",
        "    for i, item in enumerate(xs):\n        t += item * i\n",
        "f([4, 5, 6])",
    ),
    (
        "comprehension",
        "def f(xs):\n    out = []\n    for x in xs:\n        if x > 1:\n"
        "            out.append(x * 2)\n    return out\n",
        "    out = [x * 2 for x in xs if (x > 1)]\n",
        "f([1, 2, 3])",
    ),
    (
        "join",
        "def f(xs):\n    s = ''\n    for x in xs:\n        s += x\n        s += ';'\n    return s\n",
        "    s_pieces = [s]\n    for x in xs:\n        s_pieces.append(x)\n        s_pieces.append(';')\n"
        '    s = "".join(s_pieces)\n',
        "f(['a', 'b'])",
    ),
    (
        "unroll",
        "def f(a, b):\n    t = 0\n    for c in range(3):\n        t += a[c] * b[c]\n"
        "        if t:\n            t += 1\n    return t\n",
        "    t += a[1] * b[1]\n    if t:\n        t += 1\n    t += a[2] * b[2]\n",
        "f([1, 2, 3], [4, 5, 6])",
    ),
    (
        "early",
        "def f(xs):\n    t = []\n    for x in xs:\n        y = x * 2\n        z = y + 1\n"
        "        if x < 2:\n            continue\n"
        "        t.append(z)\n    return t\n",
        "        if x < 2:\n            continue\n        y = x * 2\n        z = y + 1\n        t.append(z)\n",
        "f([1, 2, 3])",
    ),
    (
        "reorder",
        "def f(x):\n    if x == 1:\n        return 'a'\n    elif x == 2:\n        return 'b'\n    return 'c'\n",
        "    if x == 2:\n        return 'b'\n    elif x == 1:\n        return 'a'\n",
        "[f(1), f(2), f(3)]",
    ),
    (
        "table",
        "def f(x):\n    if x == 1:\n        return 'a'\n    if x == 2:\n        return 'b'\n    if x == 3 or x == 5:\n"
        "        return 'c'\n    if x == 4:\n        return None\n    return 'd'\n",
        "    found = _TABLE.get(x, _TABLE)\n    if found is not _TABLE:\n        return found\n    return 'd'\n",
        "[f(i) for i in range(7)]",
    ),
    (
        "table",
        "def f(x):\n    if x == 1:\n        return 'a'\n    elif x == 2:\n        return 'b'\n    elif x == 3:\n"
        "        return 'c'\n    elif x == 4:\n        return None\n    else:\n        y = x\n        return y\n",
        "    if found is not _TABLE:\n        return found\n    else:\n        y = x\n        return y\n",
        "[f(i) for i in range(7)]",
    ),
    (
        "constant",
        "def f(x):\n    return {'a': 1, 'b': (2, 3)}.get(x)\n",
        "_CONSTANT = {'a': 1, 'b': (2, 3)}\ndef f(x):\n    return _CONSTANT.get(x)\n",
        "f('b')",
    ),
    (
        "pattern",
        "import re\ndef f(x):\n    return re.sub('b+', 'c', x)\n",
        "_PATTERN = re.compile('b+')\ndef f(x):\n    return _PATTERN.sub('c', x)\n",
        "f('abbd')",
    ),
    ("membership", "def f(x):\n    return x in ['a', 'b']\n", "    return x in {'a', 'b'}\n", "f('a')"),
    ("membership", "def f(x):\n    return x == 1 or x == 2\n", "    return x in {1, 2}\n", "f(2)"),
    (
        "inline",
        "def g(a, b):\n    d = a - b\n    return d * d\ndef f(x, d):\n    return g(x, 1) + d\n",
        "    g_d = x - 1\n    return (g_d * g_d) + d\n",
        "f(4, 1)",
    ),
    (
        "inline",
        "def g(a):\n    if a < 0:\n        return -a\n    return a\ndef f(x):\n    return [g(y) for y in x]\n",
        "    return [((-y) if (y < 0) else (y)) for y in x]\n",
        "f([-4, 1])",
    ),
    (
        "minmax",
        "def f(x, y):\n    return max(0, min(x, y))\n",
        "    return (value if (value := (y if y < x else x)) > 0 else 0)\n",
        "[f(-1, 2), f(1, 2), f(3, 2), f(0.0, 5)]",
    ),
    (
        "remember",
        '"""Doc."""\nfrom __future__ import annotations\ndef f(x):\n    return x * 2\n',
        "from functools import lru_cache\n@lru_cache(maxsize=4096)\ndef f(x):\n",
        "f(3)",
    ),
    ("idiom", "def f(x):\n    return x ** 2\n", "    return (x * x)\n", "f(3)"),
    ("idiom", "def f(d):\n    return [k for k in d.keys()]\n", "for k in d]\n", "f({1: 2})"),
    ("idiom", "def f(t, i):\n    return t[i:].startswith('ab')\n", "t.startswith('ab', i)\n", "f('xab', 1)"),
    ("idiom", "def f(t, i):\n    return t[i:i + 2] == 'ab'\n", "t.startswith('ab', i)\n", "f('xab', 1)"),
    (
        "idiom",
        "import re\np = re.compile('b+')\ndef f(t, i):\n    return p.match(t[i:]).group()\n",
        "    return p.match(t, i).group()\n",
        "f('xxbba', 2)",
    ),
    ("idiom", "def f(xs):\n    return ''.join(x for x in xs)\n", "''.join([x for x in xs])\n", "f('ab')"),
    (
        "idiom",
        "def f(x):\n    return isinstance(x, int) or isinstance(x, str)\n",
        "isinstance(x, (int, str))\n",
        "f('a')",
    ),
    ("idiom", "def f(x):\n    return list()\n", "    return []\n", "f(1)"),
    ("idiom", "def f(x):\n    return 1 <= x and x < 5\n", "1 <= x < 5\n", "f(5)"),
    ("idiom", "def f(x):\n    x += [4]\n    return x\n", "    x.append(4)\n", "f([1])"),
    (
        "slots",
        'class A:\n    """Doc."""\n    def __init__(self, x):\n        self.x = x\n        self.y = 1\n',
        '    __slots__ = ("x", "y",)\n    def __init__',
        "A(3).x",
    ),
    ("tidy", "def f(x):\n    y = x\n    z = y + 1\n    return y * z\n", "    z = x + 1\n    return x * z\n", "f(3)"),
    ("tidy", "def f(x):\n    y = x + 1\n    return x\n", "def f(x):\n    return x\n", "f(3)"),
    (
        "inline",
        "class A:\n    def g(self, a):\n        return a * 2\n    def f(self, xs):\n        h = self.g\n"
        "        return [h(x) for x in xs]\n",
        "        return [(x * 2) for x in xs]\n",
        "A().f([1, 2])",
    ),
    ("uncopied", "def f(x):\n    return len(list(x[:]))\n", "    return len(x[:])\n", "f([1])"),
]


@pytest.mark.parametrize(
    ("kind", "before", "after", "call"), EXAMPLES, ids=[f"{i}-{e[0]}" for i, e in enumerate(EXAMPLES)]
)
def test_an_edit_writes_what_it_should_and_means_the_same(kind: str, before: str, after: str, call: str) -> None:
    found = results(kind, before)
    assert any(after in text for text in found), "\n---\n".join(found) or "no site"
    for text in found:
        assert value(text, call) == value(before, call), text


def test_every_python_kind_has_an_example() -> None:
    assert set(KINDS) - set(BLIND) == {kind for kind, *_ in EXAMPLES}


# kind, and a text where an edit of that kind would change what is computed
REFUSED = [
    ("hoist", "def f(self, xs):\n    for x in xs:\n        self.n = self.n + x\n"),
    ("hoist", "def f(xs, o):\n    for x in xs:\n        o = x.o\n        o.run()\n"),
    ("invariant", "def f(xs):\n    while len(xs) > 0:\n        xs.pop()\n"),
    ("invariant", "import heapq\ndef f(h):\n    while h[0] < 3:\n        heapq.heappop(h)\n"),
    ("invariant", "def f(a, n):\n    for i in range(n):\n        a[0] = a[0] + i\n"),
    ("reuse", "def f(a, b):\n    x = a - b\n    a = 3\n    return x + (a - b)\n"),
    ("reuse", "def f(s, i):\n    return i < len(s) and s[i] == s[i]\n"),
    ("count", "def f(n):\n    i = 0\n    while i < n:\n        if i == 2:\n            continue\n        i += 1\n"),
    ("count", "def f(n):\n    i = 0\n    while i < n:\n        g()\n        i += 1\n    return i\n"),
    ("count", "def f(n):\n    i = 0\n    while i < n:\n        n = n - 1\n        i += 1\n"),
    ("items", "def f(xs):\n    for i in range(len(xs)):\n        xs[i] = xs[i] + 1\n"),
    ("comprehension", "def f(xs):\n    out = []\n    for x in xs:\n        out.append(x + len(out))\n    return out\n"),
    ("comprehension", "def f(xs):\n    out = []\n    for x in xs:\n        out.append(x)\n    return out, x\n"),
    (
        "join",
        "def f(xs):\n    s = ''\n    for x in xs:\n        s += x\n"
        "        if s == 'a':\n            break\n    return s\n",
    ),
    ("unroll", "def f(xs):\n    for i in range(3):\n        if xs[i]:\n            break\n"),
    ("unroll", "def f(xs):\n    for i in range(3):\n        print(f'{i}')\n"),
    ("early", "def f(x):\n    y = x * 2\n    if y < 2:\n        return 0\n    return y\n"),
    ("early", "def f(x):\n    y = g(x)\n    if x < 2:\n        return 0\n    return y\n"),
    ("reorder", "def f(x, y):\n    if x == 1:\n        return 1\n    elif y == 2:\n        return 2\n"),
    ("constant", "def f(x):\n    seen = [1, 2]\n    seen.append(x)\n    return seen\n"),
    ("constant", "def f(x):\n    return {'a': x}.get(1)\n"),
    ("inline", "def g(a, k):\n    return a * k\ndef f(x):\n    g = x\n    return g(1, 2)\n"),
    ("inline", "K = 1\ndef g(a):\n    return a * K\ndef f(x, K):\n    return g(x)\n"),
    ("inline", "def g(a):\n    return g(a - 1)\ndef f(x):\n    return g(x)\n"),
    ("inline", "def g(a):\n    return a * 2\ndef f(x, h):\n    if x:\n        h = g\n    return h(x)\n"),
    ("tidy", "def f(x):\n    y = x\n    x = 2\n    return y\n"),
    ("tidy", "def f(x):\n    y = x\n    return f'{y}'\n"),
    ("tidy", "def f(x):\n    y = g(x)\n    return x\n"),
    ("tidy", "def f(x):\n    for i in x:\n        y = i\n    return y\n"),
    ("minmax", "def f(xs):\n    return max(*xs)\n"),
    ("remember", "def f(x, seen):\n    seen.append(x)\n    return x\n"),
    ("slots", "class A:\n    x = 1\n    def f(self):\n        self.x = 2\n"),
    ("slots", "class A(B):\n    def f(self):\n        self.x = 2\n"),
]


@pytest.mark.parametrize(("kind", "text"), REFUSED, ids=[f"{i}-{e[0]}" for i, e in enumerate(REFUSED)])
def test_an_edit_that_would_change_the_meaning_is_not_made(kind: str, text: str) -> None:
    assert results(kind, text) == []


def test_no_python_kind_breaks_a_program() -> None:
    """Every site of a plain program, by every kind that means to keep its meaning."""
    calls = "(Counter(2).run([1, 50, -9, 7]), words('a bc, the d'), [clip(x) for x in (-1, 3, 99)])"
    wanted = value(PYTHON, calls)
    for kind in sorted(set(KINDS) - set(BLIND)):
        for text in results(kind, PYTHON):
            assert value(text, calls) == wanted, text
