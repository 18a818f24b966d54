"""The canvas's frozen reference: what a scene's pixels are, to the byte.

A scene is {"width", "height", "background": [r, g, b], "shapes": [...]}. Its pixels are RGB, row by row. Shapes are
painted in their order. Each has a "kind", a "paint", an "alpha" (0..255) and may have a "clip" [x, y, w, h]:

    rectangle  x, y, w, h     from x to before x + w, from y to before y + h
    circle     x, y, r        nearer to (x, y) than r
    line       from, to, width  nearer to the segment than width / 2, so with round ends
    polygon    points         even-odd, left and top edges included, right and bottom edges not
    triangle   points         three; the same rule

Coordinates are whole numbers of 1/256 pixel within +-2^20, sizes from 0 to 2^20, sides of the canvas 0..1024 pixels.
A pixel (x, y) is painted where its centre (256 x + 128, 256 y + 128) is in the shape and in the clip, a half-open
rectangle. Painting colour c with alpha a over d gives (a c + (255 - a) d + 127) // 255 in each channel.

A paint is a colour [r, g, b], or a gradient {"from", "to", "stops": [[place, colour], ...]}, one stop or more at
places that never fall, 0..256. A point p has the place t = 256 (p - from).(to - from) // |to - from|^2, kept within
0..256, and 0 where the two ends are one. Between the stops s <= t < u it has (cs (u - t) + cu (t - s) + n // 2) // n
with n = u - s; before the first stop and from the last one on, that stop's colour.

Anything else, an unknown key too, is malformed and raises ValueError. Written apart from any genome, on whole arrays:
edges become columns at which a row's parity flips, gradients a table of 257 colours. Every product fits 64 bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["render"]

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


def render(scene: Any) -> bytes:
    """The pixels of a scene. Raises ValueError where it is malformed."""
    _SCENE(scene)
    width, height = scene["width"], scene["height"]
    canvas: Ints = np.empty((height, width, 3), np.int64)
    canvas[:] = scene["background"]
    px: Ints = (np.arange(width, dtype=np.int64) * 256 + 128)[None, :]
    py: Ints = (np.arange(height, dtype=np.int64) * 256 + 128)[:, None]
    for shape in scene["shapes"]:
        mask = _COVERAGE[shape["kind"]](shape, px, py)
        if "clip" in shape:
            x, y, w, h = shape["clip"]
            mask = mask & _inside_rectangle(x, y, w, h, px, py)
        alpha = shape["alpha"]
        source = _colours(shape["paint"], px, py)
        canvas = np.where(mask[:, :, None], (source * alpha + canvas * (255 - alpha) + 127) // 255, canvas)
    return canvas.astype(np.uint8).tobytes()


def _colours(paint: Any, px: Ints, py: Ints) -> Ints:
    """The paint at every pixel, or one colour that broadcasts."""
    if isinstance(paint, list):
        return np.array(paint, np.int64)
    (ax, ay), (bx, by) = paint["from"], paint["to"]
    dx, dy = bx - ax, by - ay
    length2 = max(1, dx * dx + dy * dy)
    along = np.clip((px - ax) * dx + (py - ay) * dy, 0, length2)
    table: Ints = np.array([_at_place(paint["stops"], t) for t in range(257)], np.int64)
    colours: Ints = table[256 * along // length2]
    return colours


def _at_place(stops: list[Any], t: int) -> list[int]:
    passed = sum(place <= t for place, _ in stops)
    if passed == 0 or passed == len(stops):
        return list(stops[max(0, passed - 1)][1])
    (s, low), (u, high) = stops[passed - 1 : passed + 1]
    n = u - s
    return [(c * (u - t) + d * (t - s) + n // 2) // n for c, d in zip(low, high, strict=True)]


def _inside_rectangle(x: int, y: int, w: int, h: int, px: Ints, py: Ints) -> Mask:
    mask: Mask = ((px >= x) & (px < x + w)) & ((py >= y) & (py < y + h))
    return mask


def _rectangle(shape: Any, px: Ints, py: Ints) -> Mask:
    return _inside_rectangle(shape["x"], shape["y"], shape["w"], shape["h"], px, py)


def _circle(shape: Any, px: Ints, py: Ints) -> Mask:
    dx, dy = px - shape["x"], py - shape["y"]
    mask: Mask = dx * dx + dy * dy < shape["r"] ** 2
    return mask


def _line(shape: Any, px: Ints, py: Ints) -> Mask:
    """A band between two round ends. 4 s^2 < w^2 l is tested as 2 |s| <= isqrt(w^2 l - 1): s^2 needs over 64 bits."""
    (ax, ay), (bx, by) = shape["from"], shape["to"]
    square = shape["width"] ** 2
    if square == 0:
        return np.zeros((py.size, px.size), np.bool_)
    dx, dy = bx - ax, by - ay
    ux, uy = px - ax, py - ay
    ends: Mask = (4 * (ux * ux + uy * uy) < square) | (4 * ((px - bx) ** 2 + (py - by) ** 2) < square)
    length2 = dx * dx + dy * dy
    if length2 == 0:
        return ends
    along = ux * dx + uy * dy
    band: Mask = 2 * np.abs(dx * uy - dy * ux) <= math.isqrt(square * length2 - 1)
    band &= (along > 0) & (along < length2)
    return ends | band


def _polygon(shape: Any, px: Ints, py: Ints) -> Mask:
    """Every edge that spans a row flips all its pixels up to the crossing; an odd number of flips is inside."""
    width, height = px.size, py.size
    flips: Ints = np.zeros((height, width + 1), np.int64)
    points = shape["points"]
    if points:
        a: Ints = np.array(points, np.int64)
        b: Ints = np.roll(a, -1, axis=0)
        level = a[:, 1] != b[:, 1]
        a, b = a[level], b[level]
        upper, lower = np.where(a[:, 1:] < b[:, 1:], a, b), np.where(a[:, 1:] < b[:, 1:], b, a)
        (x0, y0), (x1, y1) = upper.T, lower.T
        rise = y1 - y0
        spans = (y0 <= py) & (py < y1)
        numerator = x0 * rise + (py - y0) * (x1 - x0)
        columns = np.clip(-((128 * rise - numerator) // (256 * rise)), 0, width)
        rows, edges = np.nonzero(spans)
        np.add.at(flips, (rows, columns[rows, edges]), 1)
    before: Ints = np.cumsum(flips[:, ::-1], axis=1)[:, ::-1]
    odd: Mask = before[:, 1:] % 2 == 1
    return odd


_COVERAGE: Mapping[str, Callable[[Any, Ints, Ints], Mask]] = {
    "rectangle": _rectangle,
    "circle": _circle,
    "line": _line,
    "polygon": _polygon,
    "triangle": _polygon,
}

# The grammar of a scene, as small checks that are put together.

Check = Callable[[Any], None]


def _whole(low: int, high: int) -> Check:
    def check(value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int) or value < low or value > high:
            raise ValueError(f"wanted a whole number in {low}..{high}, got {value!r:.80}")

    return check


def _tuple(*parts: Check) -> Check:
    def check(value: Any) -> None:
        if not isinstance(value, list) or len(value) != len(parts):
            raise ValueError(f"wanted a list of {len(parts)}, got {value!r:.80}")
        for part, item in zip(parts, value, strict=True):
            part(item)

    return check


def _each(part: Check) -> Check:
    def check(value: Any) -> None:
        if not isinstance(value, list):
            raise ValueError(f"wanted a list, got {value!r:.80}")
        for item in value:
            part(item)

    return check


def _record(required: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> Check:
    fields = {**required, **(optional or {})}

    def check(value: Any) -> None:
        if not isinstance(value, dict) or not required.keys() <= value.keys() <= fields.keys():
            raise ValueError(f"wanted an object of {', '.join(fields)}, got {value!r:.80}")
        for key, item in value.items():
            fields[key](item)

    return check


_SIDE = _whole(0, 1024)
_PLACE = _whole(-(1 << 20), 1 << 20)
_SIZE = _whole(0, 1 << 20)
_BYTE = _whole(0, 255)
_POINT = _tuple(_PLACE, _PLACE)
_COLOUR = _tuple(_BYTE, _BYTE, _BYTE)
_STOPS = _each(_tuple(_whole(0, 256), _COLOUR))


def _stops(value: Any) -> None:
    _STOPS(value)
    places = [place for place, _ in value]
    if not places or places != sorted(places):
        raise ValueError(f"wanted stops at places that never fall, got {places!r:.80}")


_GRADIENT = _record({"from": _POINT, "to": _POINT, "stops": _stops})


def _paint(value: Any) -> None:
    (_COLOUR if isinstance(value, list) else _GRADIENT)(value)


def _kind(_: Any) -> None:
    """Known already: it chose the record."""


_EVERY: Mapping[str, Check] = {"kind": _kind, "paint": _paint, "alpha": _BYTE}
_CLIP: Mapping[str, Check] = {"clip": _tuple(_PLACE, _PLACE, _SIZE, _SIZE)}
_SHAPES: Mapping[str, Check] = {
    "rectangle": _record({**_EVERY, "x": _PLACE, "y": _PLACE, "w": _SIZE, "h": _SIZE}, _CLIP),
    "circle": _record({**_EVERY, "x": _PLACE, "y": _PLACE, "r": _SIZE}, _CLIP),
    "line": _record({**_EVERY, "from": _POINT, "to": _POINT, "width": _SIZE}, _CLIP),
    "triangle": _record({**_EVERY, "points": _tuple(_POINT, _POINT, _POINT)}, _CLIP),
    "polygon": _record({**_EVERY, "points": _each(_POINT)}, _CLIP),
}


def _shape(value: Any) -> None:
    kind = value.get("kind") if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind not in _SHAPES:
        raise ValueError(f"wanted a shape of kind {', '.join(_SHAPES)}, got {value!r:.80}")
    _SHAPES[kind](value)


_SCENE = _record({"width": _SIDE, "height": _SIDE, "background": _COLOUR, "shapes": _each(_shape)})
