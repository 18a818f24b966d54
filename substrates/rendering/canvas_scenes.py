"""Scenes for the canvas: some written by hand, as many as wanted drawn from a seed."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["by_hand", "draw_scene"]

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
        shape |= {"x": x - reach // 2, "y": y - reach // 2, "w": rng.randint(1, reach), "h": rng.randint(1, reach)}
    elif kind == "circle":
        shape |= {"x": x, "y": y, "r": rng.randint(_PIXEL // 2, reach // 2)}
    elif kind == "line":
        shape |= {"from": [x, y], "to": _point(rng, width, height), "width": rng.randint(_PIXEL // 2, 5 * _PIXEL)}
    else:
        corners = 3 if kind == "triangle" else rng.randint(3, 8)
        shape["points"] = [[x + rng.randint(-reach, reach), y + rng.randint(-reach, reach)] for _ in range(corners)]
    if rng.random() < 0.2:
        shape["clip"] = [*_point(rng, width // 2, height // 2), rng.randint(0, 2 * reach), rng.randint(0, 2 * reach)]
    return shape


def _point(rng: random.Random, width: int, height: int) -> list[int]:
    """Every other one on the grid of pixel centres, where ties are decided."""
    if rng.random() < 0.5:
        return [rng.randrange(width + 1) * _PIXEL + 128, rng.randrange(height + 1) * _PIXEL + 128]
    return [rng.randint(0, width * _PIXEL), rng.randint(0, height * _PIXEL)]


def _colour(rng: random.Random) -> list[int]:
    return [rng.randrange(256) for _ in range(3)]


def _alpha(rng: random.Random) -> int:
    return 255 if rng.random() < 0.4 else rng.randrange(256)


def _paint(rng: random.Random, width: int, height: int) -> list[int] | dict[str, Any]:
    if rng.random() < 0.7:
        return _colour(rng)
    places = sorted(rng.choice([0, 64, 128, 256, rng.randrange(257)]) for _ in range(rng.randint(1, 4)))
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
    points = [_point(rng, width, height) for _ in range(rng.randint(4, 9))]
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
    """Malformed in one place; what comes before that place is well-formed, so a late check is a wrong one."""
    spoilt = copy.deepcopy(scene)
    shape = spoilt["shapes"][-1]
    bad: Any = rng.choice([None, True, -1, 3.0, "7", [], {}, 1 << 40])
    way = rng.randrange(8)
    if way == 0:
        return rng.choice([None, [], "scene", 7])
    if way == 1:
        del spoilt[rng.choice(sorted(spoilt))]
    elif way == 2:
        spoilt[rng.choice(["width", "height", "background"])] = bad
    elif way == 3:
        spoilt["shapes"].append(rng.choice([None, [], {}, {"kind": "star"}, {**shape, "kind": None}]))
    elif way == 4:
        del shape[rng.choice(sorted(shape.keys() - {"clip"}))]
    elif way == 5:
        shape[rng.choice(["alpha", "paint", "clip"])] = bad
    elif way == 6:
        shape["colour"] = [0, 0, 0]
    else:
        stops = rng.choice([[], [[200, [0, 0, 0]], [100, [0, 0, 0]]], [[257, [0, 0, 0]]], [[0]]])
        shape["paint"] = {"from": [0, 0], "to": [256, 0], "stops": stops}
    return spoilt


def by_hand() -> Mapping[str, Any]:
    """Name -> scene: one for every rule of the format, and the rules together."""
    return {**_plain_scenes(), **_corner_scenes()}


def _scene(*shapes: Shape, width: int = 48, height: int = 36, background: list[int] | None = None) -> Scene:
    return {"width": width, "height": height, "background": background or [250, 248, 240], "shapes": list(shapes)}


def _of(kind: str, paint: Any, alpha: int = 255, **fields: Any) -> Shape:
    """`start` and `end` stand for `from` and `to`, which is a word of Python's."""
    names = {"start": "from", "end": "to"}
    return {"kind": kind, "paint": paint, "alpha": alpha} | {names.get(k, k): v for k, v in fields.items()}


def _plain_scenes() -> dict[str, Any]:
    sky = {"from": [0, 0], "to": [0, 9216], "stops": [[0, [40, 80, 160]], [160, [250, 200, 150]], [256, [90, 60, 40]]]}
    sweep = {"from": [2000, 1000], "to": [9000, 7000], "stops": [[32, [255, 0, 0]], [224, [0, 0, 255]]]}
    star = [[6144, 512], [8704, 8704], [1024, 3584], [11264, 3584], [3584, 8704]]
    return {
        "empty": _scene(),
        "rectangles": _scene(
            _of("rectangle", [200, 30, 30], x=1024, y=1024, w=5120, h=3072),
            _of("rectangle", [30, 30, 200], 128, x=3200, y=2176, w=6400, h=5000),
            _of("rectangle", [0, 90, 0], 77, x=-2000, y=6000, w=20000, h=700, clip=[512, 5888, 9000, 640]),
        ),
        "circles": _scene(
            _of("circle", [20, 120, 60], x=6144, y=4608, r=3584),
            _of("circle", [240, 200, 0], 90, x=8000, y=3000, r=2300),
            _of("circle", sweep, 200, x=2176, y=7296, r=1280),
        ),
        "lines": _scene(
            _of("line", [0, 0, 0], start=[512, 512], end=[11776, 8704], width=256),
            _of("line", [200, 0, 100], 140, start=[11000, 700], end=[900, 8000], width=1500),
            _of("line", [0, 100, 200], start=[128, 4480], end=[12160, 4480], width=300),
            _of("line", [0, 100, 0], 60, start=[6272, 0], end=[6272, 9216], width=512),
        ),
        "triangles that share edges": _scene(
            _of("triangle", [220, 60, 40], 160, points=[[1152, 1152], [11136, 1152], [1152, 8064]]),
            _of("triangle", [40, 60, 220], 160, points=[[11136, 8064], [11136, 1152], [1152, 8064]]),
            _of("triangle", [255, 255, 255], 100, points=[[6000, 500], [9000, 8900], [3100, 6100]]),
        ),
        "a star, even-odd": _scene(_of("polygon", sweep, points=star), _of("polygon", [0, 0, 0], 40, points=star[:4])),
        "gradients": _scene(
            _of("rectangle", sky, x=0, y=0, w=12288, h=9216),
            _of("circle", {**sweep, "to": sweep["from"]}, 180, x=9000, y=2500, r=1500),
            _of("rectangle", sweep, 120, x=1000, y=3000, w=9000, h=4000),
        ),
        "a landscape": _scene(
            _of("rectangle", sky, x=0, y=0, w=16384, h=12288),
            _of("circle", [255, 240, 180], 220, x=11500, y=3000, r=1400),
            _of("polygon", [60, 70, 90], points=[[0, 9000], [4000, 4200], [6500, 7400], [9500, 3600], [16384, 9200]]),
            _of("polygon", [40, 90, 50], 235, points=[[0, 8200], [16384, 7600], [16384, 12288], [0, 12288]]),
            _of("triangle", [120, 50, 40], points=[[3000, 8600], [4500, 7300], [6000, 8600]]),
            _of("rectangle", [200, 180, 150], x=3300, y=8600, w=2400, h=1900),
            _of("line", [90, 60, 30], 200, start=[9000, 12000], end=[11000, 8000], width=700),
            _of("rectangle", [255, 255, 255], 60, x=0, y=6500, w=16384, h=1500),
            width=64,
            height=48,
        ),
    }


def _corner_scenes() -> dict[str, Any]:
    a, b = [2000, 2000], [9000, 6000]
    ink = [10, 20, 30]
    return {
        "nothing to see": _scene(
            _of("rectangle", ink, 0, x=0, y=0, w=9000, h=9000),
            _of("rectangle", ink, x=500, y=500, w=0, h=4000),
            _of("circle", ink, x=5000, y=5000, r=0),
            _of("line", ink, start=a, end=b, width=0),
            _of("circle", ink, x=-90000, y=5000, r=3000),
            _of("circle", ink, x=5000, y=5000, r=3000, clip=[0, 0, 0, 9000]),
        ),
        "degenerate": _scene(
            _of("polygon", ink, points=[]),
            _of("polygon", ink, points=[a]),
            _of("polygon", ink, points=[a, b]),
            _of("polygon", ink, points=[a, b, a, b]),
            _of("triangle", ink, points=[a, b, b]),
            _of("triangle", ink, points=[[0, 0], [4096, 4096], [8192, 8192]]),
            _of("line", ink, start=b, end=b, width=2000),
        ),
        "edges on pixel centres": _scene(
            _of("rectangle", ink, 100, x=1152, y=1152, w=2560, h=2560),
            _of("polygon", ink, 100, points=[[3712, 1152], [6272, 1152], [6272, 3712], [3712, 3712]]),
            _of("circle", ink, 100, x=4992, y=6272, r=1280),
            _of("line", ink, 100, start=[8320, 1152], end=[8320, 6272], width=512),
        ),
        "far away": _scene(
            _of("circle", [0, 120, 120], 90, x=1 << 20, y=0, r=(1 << 20) - 5000),
            _of("triangle", [120, 0, 120], 90, points=[[-(1 << 20), -(1 << 20)], [1 << 20, 4096], [4096, 1 << 20]]),
            _of("line", ink, 90, start=[-(1 << 20), 1 << 20], end=[1 << 20, -(1 << 20) + 9000], width=900),
        ),
        "no pixels": _scene(_of("circle", ink, x=0, y=0, r=9999), width=0, height=36),
        "one pixel": _scene(_of("circle", ink, 127, x=128, y=128, r=1), width=1, height=1),
        "not a scene": [],
        "without a background": {"width": 4, "height": 4, "shapes": []},
        "a shape of no kind": _scene(_of("blob", ink, x=0, y=0, r=9)),
        "a fraction": _scene(_of("circle", ink, x=0.5, y=0, r=9)),
        "alpha too large": _scene(_of("circle", ink, 256, x=0, y=0, r=9)),
        "a misspelt key": _scene(_of("circle", ink, x=0, y=0, r=9, opacity=3)),
    }
