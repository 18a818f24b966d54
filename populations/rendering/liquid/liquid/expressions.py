"""The parts of an expression. Each has `evaluate(context)`."""

from context import Context
from errors import LiquidError
from filters import FILTERS
from values import contains, equal, is_true, item, less, to_number


class Expression:
    def evaluate(self, context: Context) -> object:
        raise NotImplementedError


class Literal(Expression):
    def __init__(self, value: object) -> None:
        self.value = value

    def evaluate(self, context: Context) -> object:
        return self.value


class Path(Expression):
    """A variable, and the keys that lead into it: `product.images[0].width`."""

    def __init__(self, name: str, keys: list[Expression]) -> None:
        self.name = name
        self.keys = keys

    def evaluate(self, context: Context) -> object:
        value = context.lookup(self.name)
        for key in self.keys:
            value = item(value, key.evaluate(context))
        return value


class Range(Expression):
    """`(first..last)`, both included."""

    def __init__(self, first: Expression, last: Expression) -> None:
        self.first = first
        self.last = last

    def evaluate(self, context: Context) -> object:
        first = int(to_number(self.first.evaluate(context)))
        last = int(to_number(self.last.evaluate(context)))
        return range(first, last + 1)


class Filter:
    """A filter's name and what it is called with."""

    def __init__(self, name: str, arguments: list[Expression], options: dict[str, Expression]) -> None:
        self.name = name
        self.arguments = arguments
        self.options = options

    def apply(self, value: object, context: Context) -> object:
        function = FILTERS.get(self.name)
        if function is None:
            raise LiquidError(f"there is no filter {self.name!r}")
        arguments = [argument.evaluate(context) for argument in self.arguments]
        options = {name: option.evaluate(context) for name, option in self.options.items()}
        try:
            return function(value, *arguments, **options)
        except (TypeError, ValueError, ArithmeticError) as error:
            raise LiquidError(f"{self.name}: {error}") from error


class Filtered(Expression):
    """A value, then the filters that it goes through."""

    def __init__(self, value: Expression, filters: list[Filter]) -> None:
        self.value = value
        self.filters = filters

    def evaluate(self, context: Context) -> object:
        value = self.value.evaluate(context)
        for each in self.filters:
            value = each.apply(value, context)
        return value


class Comparison(Expression):
    def __init__(self, operator: str, left: Expression, right: Expression) -> None:
        self.operator = operator
        self.left = left
        self.right = right

    def evaluate(self, context: Context) -> bool:
        left = self.left.evaluate(context)
        right = self.right.evaluate(context)
        if self.operator == "==":
            return equal(left, right)
        if self.operator in ("!=", "<>"):
            return not equal(left, right)
        if self.operator == "contains":
            return contains(left, right)
        if self.operator == "<":
            return less(left, right)
        if self.operator == ">":
            return less(right, left)
        if self.operator == "<=":
            return less(left, right) or (left is not None and equal(left, right))
        return less(right, left) or (left is not None and equal(left, right))


class Logical(Expression):
    """`and` or `or` of two conditions."""

    def __init__(self, operator: str, left: Expression, right: Expression) -> None:
        self.operator = operator
        self.left = left
        self.right = right

    def evaluate(self, context: Context) -> bool:
        left = is_true(self.left.evaluate(context))
        if self.operator == "and":
            return left and is_true(self.right.evaluate(context))
        return left or is_true(self.right.evaluate(context))


class Not(Expression):
    """The condition of `unless`."""

    def __init__(self, condition: Expression) -> None:
        self.condition = condition

    def evaluate(self, context: Context) -> bool:
        return not is_true(self.condition.evaluate(context))
