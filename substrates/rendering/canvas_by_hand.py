"""Scenes for the canvas that are written by hand: one for every rule of the format, and the rules together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["by_hand"]

Scene = dict[str, Any]
Shape = dict[str, Any]


def by_hand() -> Mapping[str, Any]:
    """Name -> scene."""
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
            _of("line", ink, 100, start=[9856, 1152], end=[9856, 6272], width=513),
            _of("polygon", ink, 100, points=[[6784, 128], [6784, 896], [7552, 896], [7552, 1664], [5248, 128]]),
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
        "a colour of two": _scene(_of("circle", ink[:2], x=0, y=0, r=9)),
        "a triangle of four": _scene(_of("triangle", ink, points=[a, b, [0, 0], [9, 9]])),
        "a gradient of nothing": _scene(_of("circle", {"from": a, "to": b, "stops": []}, x=0, y=0, r=9)),
        "a misspelt key": _scene(_of("circle", ink, x=0, y=0, r=9, opacity=3)),
    }
