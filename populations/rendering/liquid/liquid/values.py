"""How Liquid sees values: as text, as numbers, as true or false, and against each other."""

from errors import LiquidError


class Nothing:
    """The words `empty` and `blank`: equal to what holds nothing, or for `blank` nothing but white space."""

    def __init__(self, blank: bool) -> None:
        self.blank = blank

    def matches(self, value: object) -> bool:
        if isinstance(value, str):
            return not (value.strip() if self.blank else value)
        return isinstance(value, (list, dict)) and not value


EMPTY = Nothing(blank=False)
BLANK = Nothing(blank=True)


def to_text(value: object) -> str:
    """As it is printed on the page."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, Nothing):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "".join(to_text(item) for item in value)
    if isinstance(value, range):
        return f"{value.start}..{value.stop - 1}"
    return str(value)


def to_number(value: object) -> int | float:
    """What is no number, and does not read like one, counts as 0."""
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, str):
        for kind in (int, float):
            try:
                return kind(value)
            except ValueError:
                continue
    return 0


def to_list(value: object) -> list:
    """What a filter for arrays works on: lists are flattened, a single value is a list of one."""
    if value is None:
        return []
    if isinstance(value, range):
        return list(value)
    if not isinstance(value, list):
        return [value]
    flat = []
    for item in value:
        flat.extend(to_list(item) if isinstance(item, list) else [item])
    return flat


def is_true(value: object) -> bool:
    """Everything but false and nil; zero and empty text are true."""
    return value is not None and value is not False


def equal(left: object, right: object) -> bool:
    if isinstance(right, Nothing):
        left, right = right, left
    if isinstance(left, Nothing):
        return left is right or left.matches(right)
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return left == right


def less(left: object, right: object) -> bool:
    """Whether `left < right`; nil is in no order with anything."""
    if left is None or right is None:
        return False
    numbers = isinstance(left, (int, float)) and isinstance(right, (int, float))
    if numbers or (isinstance(left, str) and isinstance(right, str)):
        return left < right
    raise LiquidError(f"{left!r} and {right!r} are in no order")


def contains(left: object, right: object) -> bool:
    if not is_true(left) or not is_true(right):
        return False
    if isinstance(left, str):
        return to_text(right) in left
    if isinstance(left, (list, dict, range)):
        return right in left
    raise LiquidError(f"{left!r} cannot contain anything")


def item(value: object, key: object) -> object:
    """`value[key]`, or nil where there is none. `size`, `first` and `last` are there without being stored."""
    if isinstance(value, dict) and key in value:
        return value[key]
    if key == "size" and isinstance(value, (str, list, dict, range)):
        return len(value)
    if isinstance(value, (list, range)):
        index = {"first": 0, "last": -1}.get(key, key) if isinstance(key, str) else key
        if isinstance(index, int) and -len(value) <= index < len(value):
            return value[index]
    return None
