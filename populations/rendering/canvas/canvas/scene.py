"""What a scene must look like. Everything is checked before anything is drawn; unknown keys are refused."""

LARGEST_SIDE = 1024
FARTHEST = 1 << 20
SHAPE_KEYS = {
    "rectangle": {"x", "y", "w", "h"},
    "circle": {"x", "y", "r"},
    "line": {"from", "to", "width"},
    "triangle": {"points"},
    "polygon": {"points"},
}


def check(scene: dict) -> None:
    """Raises ValueError, saying what is wrong, where the scene is malformed."""
    check_keys("a scene", scene, {"width", "height", "background", "shapes"})
    check_number("width", scene["width"], 0, LARGEST_SIDE)
    check_number("height", scene["height"], 0, LARGEST_SIDE)
    check_colour("background", scene["background"])
    check_list("shapes", scene["shapes"])
    for shape in scene["shapes"]:
        check_shape(shape)


def check_shape(shape: dict) -> None:
    kind = shape.get("kind") if isinstance(shape, dict) else None
    if not isinstance(kind, str) or kind not in SHAPE_KEYS:
        raise ValueError(f"a shape is one of {sorted(SHAPE_KEYS)}, got {shape!r}")
    check_keys(kind, shape, SHAPE_KEYS[kind] | {"kind", "paint", "alpha"}, optional={"clip"})
    check_number("alpha", shape["alpha"], 0, 255)
    check_paint(shape["paint"])
    if "clip" in shape:
        check_list("clip", shape["clip"], exactly=4)
        for value, name in zip(shape["clip"], "xywh", strict=True):
            check_number(f"clip {name}", value, 0 if name in "wh" else -FARTHEST, FARTHEST)
    for name in ("x", "y"):
        if name in shape:
            check_number(name, shape[name], -FARTHEST, FARTHEST)
    for name in ("w", "h", "r", "width"):
        if name in shape:
            check_number(name, shape[name], 0, FARTHEST)
    for name in ("from", "to"):
        if name in shape:
            check_point(name, shape[name])
    if "points" in shape:
        check_list("points", shape["points"], exactly=3 if kind == "triangle" else None)
        for point in shape["points"]:
            check_point("points", point)


def check_paint(paint: list | dict) -> None:
    """A colour, or a gradient with at least one stop at rising places from 0 to 256."""
    if isinstance(paint, list):
        return check_colour("paint", paint)
    check_keys("a gradient", paint, {"from", "to", "stops"})
    check_point("from", paint["from"])
    check_point("to", paint["to"])
    check_list("stops", paint["stops"])
    if not paint["stops"]:
        raise ValueError("a gradient has at least one stop, got none")
    lowest = 0
    for stop in paint["stops"]:
        check_list("a stop", stop, exactly=2)
        check_number("the place of a stop", stop[0], lowest, 256)
        check_colour("the colour of a stop", stop[1])
        lowest = stop[0]


def check_keys(what: str, value: dict, required: set, optional: set = frozenset()) -> None:
    if not isinstance(value, dict):
        raise ValueError(f"{what} is an object, got {value!r}")
    if missing := required - value.keys():
        raise ValueError(f"{what} lacks {sorted(missing)}")
    if unknown := value.keys() - required - optional:
        raise ValueError(f"{what} has unknown keys {sorted(unknown)}")


def check_list(what: str, value: list, exactly: int | None = None) -> None:
    if not isinstance(value, list) or (exactly is not None and len(value) != exactly):
        raise ValueError(f"{what} is a list{'' if exactly is None else f' of {exactly}'}, got {value!r}")


def check_number(what: str, value: int, lowest: int, highest: int) -> None:
    if type(value) is not int or not lowest <= value <= highest:
        raise ValueError(f"{what} is a whole number from {lowest} to {highest}, got {value!r}")


def check_point(what: str, value: list) -> None:
    check_list(what, value, exactly=2)
    for number in value:
        check_number(what, number, -FARTHEST, FARTHEST)


def check_colour(what: str, value: list) -> None:
    check_list(what, value, exactly=3)
    for number in value:
        check_number(what, number, 0, 255)
