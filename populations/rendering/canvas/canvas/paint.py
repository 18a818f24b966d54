"""What colour a shape has at a point: one colour, or a linear gradient."""


def colour_at(paint: list | dict, px: int, py: int) -> list:
    """Red, green and blue, each 0..255."""
    if isinstance(paint, list):
        return paint
    return between_stops(paint["stops"], progress(paint["from"], paint["to"], px, py))


def progress(start: list, end: list, px: int, py: int) -> int:
    """How far the point is along the way from start to end, as 0..256; 0 where they are the same place."""
    (ax, ay), (bx, by) = start, end
    length2 = (bx - ax) * (bx - ax) + (by - ay) * (by - ay)
    along = (px - ax) * (bx - ax) + (py - ay) * (by - ay)
    if along <= 0:
        return 0
    if along >= length2:
        return 256
    return 256 * along // length2


def between_stops(stops: list, at: int) -> list:
    """The mix of the stops around `at`, rounded half up; before the first and after the last, theirs.

    Of stops at the same place, the last one counts from there on.
    """
    before = None
    for stop in stops:
        if stop[0] > at:
            break
        before = stop
    else:
        return stops[-1][1]
    if before is None:
        return stop[1]
    (here, first), (there, second) = before, stop
    span = there - here
    return [(a * (there - at) + b * (at - here) + span // 2) // span for a, b in zip(first, second, strict=True)]
