"""Which pixels a shape covers: a box that holds them all, and the test of one centre."""

from geometry import cross, first_at_or_after, near_segment, passes_right_of, squared_distance


def box(shape: dict, width: int, height: int) -> tuple[int, int, int, int]:
    """Columns left..right-1 and rows top..bottom-1 that may be covered, cut to the canvas and the clip."""
    x0, y0, x1, y1 = bounds(shape)
    if "clip" in shape:
        x, y, w, h = shape["clip"]
        x0, y0, x1, y1 = max(x0, x), max(y0, y), min(x1, x + w), min(y1, y + h)
    left, top = max(0, first_at_or_after(x0)), max(0, first_at_or_after(y0))
    right, bottom = min(width, first_at_or_after(x1)), min(height, first_at_or_after(y1))
    return left, top, right, bottom


def bounds(shape: dict) -> tuple[int, int, int, int]:
    """From (x0, y0) to before (x1, y1): every covered point lies in there."""
    kind = shape["kind"]
    if kind == "rectangle":
        return shape["x"], shape["y"], shape["x"] + shape["w"], shape["y"] + shape["h"]
    if kind == "circle":
        x, y, r = shape["x"], shape["y"], shape["r"]
        return x - r, y - r, x + r, y + r
    if kind == "line":
        points = [shape["from"], shape["to"]]
        reach = (shape["width"] + 1) // 2
    else:
        points = shape["points"]
        reach = 0
    if not points:
        return 0, 0, 0, 0
    xs = [x for x, _ in points]
    ys = [y for _, y in points]
    return min(xs) - reach, min(ys) - reach, max(xs) + reach, max(ys) + reach


def covers(shape: dict, px: int, py: int) -> bool:
    """Is the point inside? Left and top edges belong to a shape, right and bottom edges do not."""
    kind = shape["kind"]
    if kind == "rectangle":
        x, y = shape["x"], shape["y"]
        return x <= px < x + shape["w"] and y <= py < y + shape["h"]
    if kind == "circle":
        return squared_distance(shape["x"], shape["y"], px, py) < shape["r"] * shape["r"]
    if kind == "line":
        (ax, ay), (bx, by) = shape["from"], shape["to"]
        return near_segment(ax, ay, bx, by, px, py, shape["width"])
    if kind == "triangle":
        return in_triangle(shape["points"], px, py)
    return in_polygon(shape["points"], px, py)


def in_triangle(points: list, px: int, py: int) -> bool:
    """Is the point on the inner side of all three edges? Either way round; without area, nothing is inside."""
    (ax, ay), (bx, by), (cx, cy) = points
    area = cross(ax, ay, bx, by, cx, cy)
    if area == 0:
        return False
    if area < 0:
        bx, by, cx, cy = cx, cy, bx, by
    return (
        inner_side(ax, ay, bx, by, px, py) and inner_side(bx, by, cx, cy, px, py) and inner_side(cx, cy, ax, ay, px, py)
    )


def inner_side(ax: int, ay: int, bx: int, by: int, px: int, py: int) -> bool:
    """Right of the edge a -> b (clockwise, y down), or on it where it is a left or a top edge."""
    side = cross(ax, ay, bx, by, px, py)
    if side == 0:
        return by < ay or (by == ay and bx > ax)
    return side > 0


def in_polygon(points: list, px: int, py: int) -> bool:
    """Even-odd: is the number of edges to the right of the point odd?"""
    inside = False
    for i, (bx, by) in enumerate(points):
        ax, ay = points[i - 1]
        if passes_right_of(ax, ay, bx, by, px, py):
            inside = not inside
    return inside
