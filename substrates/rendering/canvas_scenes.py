"""Scenes for the canvas, drawn from a stream of random numbers: the ordinary, corner cases, the malformed."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

__all__ = ["draw_scene"]

Scene = dict[str, Any]
Shape = dict[str, Any]

_MALFORMED = 0.06
_CORNER = 0.15
"""Shares, by convention: enough that a wrong corner shows in a few dozen jobs, few enough that the time of the
jobs is that of ordinary scenes."""

_PIXEL = 256


def draw_scene(rng: random.Random) -> Any:
    """Ordinary for the most part, with corner cases among the shapes; now and then malformed."""
    scene = _ordinary(rng)
    return _spoilt(rng, scene) if rng.random() < _MALFORMED else scene


def _ordinary(rng: random.Random) -> Scene:
    width, height = rng.randint(40, 80), rng.randint(30, 60)
    shapes = [
        _corner(rng, width, height) if rng.random() < _CORNER else _shape(rng, width, height)
        for _ in range(rng.randint(6, 12))
    ]
    return {"width": width, "height": height, "background": _colour(rng), "shapes": shapes}


def _shape(rng: random.Random, width: int, height: int) -> Shape:
    """A shape on the canvas or across its border, of up to three quarters of its side."""
    reach = min(width, height) * _PIXEL * 3 // 4
    kind = rng.choice(["rectangle", "circle", "line", "triangle", "polygon"])
    x, y = _point(rng, width, height)
    shape: Shape = {"kind": kind, "paint": _paint(rng, width, height), "alpha": _alpha(rng)}
    if kind == "rectangle":
        shape |= {
            "x": x - reach // 2,
            "y": y - reach // 2,
            "w": rng.randint(reach // 4, reach),
            "h": rng.randint(reach // 4, reach),
        }
    elif kind == "circle":
        shape |= {"x": x, "y": y, "r": rng.randint(reach // 8, reach // 2)}
    elif kind == "line":
        shape |= {"from": [x, y], "to": _point(rng, width, height), "width": rng.randint(_PIXEL // 2, 5 * _PIXEL)}
    else:
        corners = 3 if kind == "triangle" else rng.randint(3, 8)
        shape["points"] = [[x + rng.randint(-reach, reach), y + rng.randint(-reach, reach)] for _ in range(corners)]
    if rng.random() < 0.2:
        shape["clip"] = [*_point(rng, width // 2, height // 2), rng.randint(0, 2 * reach), rng.randint(0, 2 * reach)]
    return _on_centres(shape) if rng.random() < 0.25 else shape


def _on_centres(shape: Shape) -> Shape:
    """Every corner on a pixel's centre, every size whole pixels: here it shows who owns an edge."""

    def centre(value: int) -> int:
        return value // _PIXEL * _PIXEL + _PIXEL // 2

    def whole(value: int) -> int:
        return (value + _PIXEL - 1) // _PIXEL * _PIXEL

    moved = dict(shape)
    for name in shape:
        if name in ("x", "y"):
            moved[name] = centre(shape[name])
        elif name in ("w", "h", "r", "width"):
            moved[name] = whole(shape[name])
        elif name in ("from", "to"):
            moved[name] = [centre(value) for value in shape[name]]
        elif name == "points":
            moved[name] = [[centre(value) for value in point] for point in shape[name]]
    return moved


def _point(rng: random.Random, width: int, height: int) -> list[int]:
    return [rng.randint(0, width * _PIXEL), rng.randint(0, height * _PIXEL)]


def _colour(rng: random.Random) -> list[int]:
    return [rng.randrange(256) for _ in range(3)]


def _alpha(rng: random.Random) -> int:
    return 255 if rng.random() < 0.4 else rng.randrange(256)


def _paint(rng: random.Random, width: int, height: int) -> list[int] | dict[str, Any]:
    if rng.random() < 0.7:
        return _colour(rng)
    places = sorted([0, 256] if rng.random() < 0.5 else [rng.randrange(257) for _ in range(rng.randint(1, 4))])
    return {
        "from": _point(rng, width, height),
        "to": _point(rng, width, height),
        "stops": [[place, _colour(rng)] for place in places],
    }


def _corner(rng: random.Random, width: int, height: int) -> Shape:
    """A shape that an optimiser likes to forget."""
    shape = _shape(rng, width, height)
    return rng.choice(_CORNERS)(rng, shape, width, height)


def _invisible(rng: random.Random, shape: Shape, width: int, height: int) -> Shape:
    return {**shape, "alpha": 0}


def _without_size(rng: random.Random, shape: Shape, width: int, height: int) -> Shape:
    nothing = {"rectangle": ["w", "h"], "circle": ["r"], "line": ["width"]}.get(shape["kind"], [])
    if nothing:
        return {**shape, rng.choice(nothing): 0}
    return {**shape, "clip": [*_point(rng, width, height), 0, 256]}


def _off_canvas(rng: random.Random, shape: Shape, width: int, height: int) -> Shape:
    return _moved(shape, rng.choice([-1, 1]) * 3 * width * _PIXEL, rng.choice([-1, 0, 1]) * 3 * height * _PIXEL)


def _moved(shape: Shape, dx: int, dy: int) -> Shape:
    moved = copy.deepcopy(shape)
    points = [moved[name] for name in ("from", "to") if name in moved] + moved.get("points", [])
    for point in points:
        point[0] += dx
        point[1] += dy
    if "x" in moved:
        moved["x"] += dx
        moved["y"] += dy
    return moved


def _over_everything(rng: random.Random, shape: Shape, width: int, height: int) -> Shape:
    base = {"paint": shape["paint"], "alpha": shape["alpha"]}
    far = 1 << 20
    return rng.choice(
        [
            {**base, "kind": "rectangle", "x": -far // 2, "y": 4096 - far, "w": far, "h": far},
            {**base, "kind": "circle", "x": far, "y": 0, "r": far - rng.randint(0, width * _PIXEL)},
            {**base, "kind": "line", "from": [-far, rng.randint(-far, far)], "to": [far, 4096], "width": 1024},
            {**base, "kind": "triangle", "points": [[-far, -far], [far, 4096], [4096, far]]},
        ]
    )


def _degenerate(rng: random.Random, shape: Shape, width: int, height: int) -> Shape:
    """A polygon or triangle without area, or a line of one point."""
    base = {"paint": shape["paint"], "alpha": shape["alpha"]}
    a, b = _point(rng, width, height), _point(rng, width, height)
    return rng.choice(
        [
            {**base, "kind": "polygon", "points": []},
            {**base, "kind": "polygon", "points": [a]},
            {**base, "kind": "polygon", "points": [a, b]},
            {**base, "kind": "polygon", "points": [a, a, a, a]},
            {**base, "kind": "polygon", "points": [a, b, a, b]},
            {**base, "kind": "triangle", "points": [a, b, [2 * b[0] - a[0], 2 * b[1] - a[1]]]},
            {**base, "kind": "triangle", "points": [a, a, b]},
            {**base, "kind": "line", "from": a, "to": a, "width": rng.randint(0, 2048)},
        ]
    )


def _crossing_itself(rng: random.Random, shape: Shape, width: int, height: int) -> Shape:
    """Corners on a coarse grid of pixel centres, some twice: its edges run through centres, and along each other."""
    step = _PIXEL * rng.randint(4, 10)
    points = [[rng.randrange(6) * step + 128, rng.randrange(6) * step + 128] for _ in range(rng.randint(4, 9))]
    points += points[: rng.randint(0, 3)]
    return {"kind": "polygon", "paint": shape["paint"], "alpha": shape["alpha"], "points": points}


def _steps(rng: random.Random, shape: Shape, width: int, height: int) -> Shape:
    """A gradient whose stops share a place, or whose ends do."""
    start = _point(rng, width, height)
    end = start if rng.random() < 0.5 else _point(rng, width, height)
    stops = [[place, _colour(rng)] for place in sorted(rng.choice([0, 128, 128, 256]) for _ in range(4))]
    return {**shape, "paint": {"from": start, "to": end, "stops": stops}}


_CORNERS: list[Callable[[random.Random, Shape, int, int], Shape]] = [
    _invisible,
    _without_size,
    _off_canvas,
    _over_everything,
    _degenerate,
    _crossing_itself,
    _steps,
]


def _spoilt(rng: random.Random, scene: Scene) -> Any:
    """Malformed in one place, mostly in the last shape: all before it is well-formed, so that a late check is wrong."""
    way = rng.random()
    if way < 0.1:
        return rng.choice([None, [], "scene", 7, {}])
    if way < 0.4:
        return _broken(rng, scene, _BAD_SCENES)
    shapes = scene["shapes"]
    if way < 0.5:
        return {**scene, "shapes": [*shapes, rng.choice([None, [], {}, "circle", {"kind": "circle"}])]}
    last = shapes[-1]
    return {**scene, "shapes": [*shapes[:-1], _broken(rng, last, _BAD_SHAPES["any"] + _BAD_SHAPES[last["kind"]])]}


def _broken(rng: random.Random, whole: dict[str, Any], bad: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """With one key missing, or one value that cannot be."""
    if rng.random() < 0.2:
        missing = rng.choice(sorted(whole.keys() - {"clip"}))
        return {key: value for key, value in whole.items() if key != missing}
    key, value = rng.choice(bad)
    return {**whole, key: value}


_BAD_SCENES = [
    ("width", -1),
    ("width", 1025),
    ("width", True),
    ("height", 40.0),
    ("height", "40"),
    ("background", [0, 0]),
    ("background", [0, 0, 0, 255]),
    ("background", [0, 0, 256]),
    ("background", None),
    ("shapes", {}),
    ("shapes", None),
    ("title", "unknown"),
]

_BAD_SHAPES: Mapping[str, list[tuple[str, Any]]] = {
    "any": [
        ("kind", "star"),
        ("kind", None),
        ("alpha", -1),
        ("alpha", 256),
        ("alpha", 0.5),
        ("alpha", False),
        ("paint", "red"),
        ("paint", [0, 0]),
        ("paint", [0, -1, 0]),
        ("paint", {"from": [0, 0], "to": [256, 0], "stops": []}),
        ("paint", {"from": [0, 0], "to": [256, 0], "stops": [[0]]}),
        ("paint", {"from": [0, 0], "to": [256, 0], "stops": [[257, [0, 0, 0]]]}),
        ("paint", {"from": [0, 0], "to": [256, 0], "stops": [[9, [0, 0, 0]], [8, [0, 0, 0]]]}),
        ("paint", {"from": [0, 0], "to": [256], "stops": [[0, [0, 0, 0]]]}),
        ("clip", None),
        ("clip", [0, 0, 256]),
        ("clip", [0, 0, 256, -1]),
        ("colour", [0, 0, 0]),
    ],
    "rectangle": [("w", -1), ("h", "256"), ("x", (1 << 20) + 1)],
    "circle": [("r", -1), ("r", (1 << 20) + 1), ("x", 0.5)],
    "line": [("from", [0]), ("to", [0, 0, 0]), ("width", -1), ("to", None)],
    "triangle": [("points", [[0, 0], [256, 0]]), ("points", [[0, 0], [256, 0], [0, 256], [0, 0]])],
    "polygon": [("points", None), ("points", [[0, 0], [256, 0], [0, 256, 0]]), ("points", [[0, 0], [256, None]])],
}
