"""The rasteriser: a scene in, its pixels out.

Coordinates count 1/256 of a pixel. A pixel is painted where its centre, (256 * x + 128, 256 * y + 128), lies in
the shape and in the shape's clip; shapes are painted in their order, each over what is there. All arithmetic is
on integers, so the same scene gives the same bytes on every machine.
"""

from blend import blend
from geometry import centre
from paint import colour_at
from scene import check
from shapes import box, covers


def draw(scene: dict) -> bytes:
    """The scene as RGB, row by row: width * height * 3 bytes. Raises ValueError for a malformed scene."""
    check(scene)
    width, height = scene["width"], scene["height"]
    pixels = bytearray(bytes(scene["background"]) * (width * height))
    for shape in scene["shapes"]:
        paint_shape(pixels, width, height, shape)
    return bytes(pixels)


def paint_shape(pixels: bytearray, width: int, height: int, shape: dict) -> None:
    """Blend the shape's paint into every pixel whose centre it covers."""
    left, top, right, bottom = box(shape, width, height)
    for y in range(top, bottom):
        for x in range(left, right):
            px, py = centre(x), centre(y)
            if covers(shape, px, py):
                blend(pixels, 3 * (y * width + x), colour_at(shape["paint"], px, py), shape["alpha"])
