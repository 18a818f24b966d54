"""Points, edges and boxes in 1/256 of a pixel."""

PIXEL = 256
HALF = 128


def centre(index: int) -> int:
    """Where the centre of a pixel's column, or row, is."""
    return PIXEL * index + HALF


def first_at_or_after(position: int) -> int:
    """The first column, or row, whose centre is not before `position`."""
    return (position - HALF + PIXEL - 1) // PIXEL


def cross(ax: int, ay: int, bx: int, by: int, px: int, py: int) -> int:
    """Twice the signed area of the triangle a, b, p: > 0 where p is to the right of a -> b, as seen with y down."""
    return (bx - ax) * (py - ay) - (by - ay) * (px - ax)


def squared_distance(ax: int, ay: int, bx: int, by: int) -> int:
    return (bx - ax) * (bx - ax) + (by - ay) * (by - ay)


def near_segment(ax: int, ay: int, bx: int, by: int, px: int, py: int, width: int) -> bool:
    """Is p nearer to the segment a-b than half of `width`? Compared without a root or a fraction."""
    length2 = squared_distance(ax, ay, bx, by)
    along = (px - ax) * (bx - ax) + (py - ay) * (by - ay)
    if along <= 0:
        return 4 * squared_distance(ax, ay, px, py) < width * width
    if along >= length2:
        return 4 * squared_distance(bx, by, px, py) < width * width
    aside = cross(ax, ay, bx, by, px, py)
    return 4 * aside * aside < width * width * length2


def passes_right_of(ax: int, ay: int, bx: int, by: int, px: int, py: int) -> bool:
    """Does the edge a-b cross the ray that goes from p to the right?

    An end on the ray counts as below it, so that a corner is met by one of its two edges; an edge through p is
    not right of it.
    """
    if (ay <= py) == (by <= py):
        return False
    side = cross(ax, ay, bx, by, px, py)
    return side > 0 if by > ay else side < 0
