"""Reads expressions: what stands in an output, or after the name of a tag."""

from errors import LiquidError
from expressions import Comparison, Expression, Filter, Filtered, Literal, Logical, Path, Range
from lexer import words
from values import BLANK, EMPTY

CONSTANTS = {"true": True, "false": False, "nil": None, "null": None, "empty": EMPTY, "blank": BLANK}
COMPARISONS = ("==", "!=", "<>", "<", ">", "<=", ">=", "contains")


class Reader:
    """Steps through the words of one expression."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.words = words(text)
        self.position = 0

    @property
    def kind(self) -> str:
        """The kind of the next word; "end" after the last."""
        return self.words[self.position][0] if self.position < len(self.words) else "end"

    @property
    def word(self) -> str:
        """The next word; empty after the last."""
        return self.words[self.position][1] if self.position < len(self.words) else ""

    def sees(self, *choices: str) -> bool:
        """Whether the next word is one of these names or symbols."""
        return self.kind in ("name", "symbol") and self.word in choices

    def take(self) -> str:
        word = self.word
        self.position += 1
        return word

    def accept(self, *choices: str) -> bool:
        """Steps over the next word if it is one of these."""
        seen = self.sees(*choices)
        if seen:
            self.position += 1
        return seen

    def expect(self, choice: str) -> None:
        if not self.accept(choice):
            raise LiquidError(f"{choice!r} is expected in {self.text!r}, not {self.word!r}")

    def name(self) -> str:
        """A plain name, such as a variable's."""
        if self.kind != "name":
            raise LiquidError(f"a name is expected in {self.text!r}, not {self.word!r}")
        return self.take()

    def end(self) -> None:
        if self.kind != "end":
            raise LiquidError(f"{self.word!r} is not expected in {self.text!r}")

    def value(self) -> Expression:
        """A literal, a range or a variable."""
        if self.kind == "string":
            return Literal(self.take())
        if self.kind == "number":
            word = self.take()
            return Literal(float(word) if "." in word else int(word))
        if self.sees(*CONSTANTS):
            return Literal(CONSTANTS[self.take()])
        if self.accept("("):
            first = self.value()
            self.expect("..")
            last = self.value()
            self.expect(")")
            return Range(first, last)
        return self.path()

    def path(self) -> Path:
        name = self.name()
        keys: list[Expression] = []
        while True:
            if self.accept("."):
                keys.append(Literal(self.name()))
            elif self.accept("["):
                keys.append(self.value())
                self.expect("]")
            else:
                return Path(name, keys)

    def filtered(self) -> Expression:
        """A value with its filters, to the end."""
        value = self.value()
        filters = []
        while self.accept("|"):
            filters.append(self.filter())
        self.end()
        return Filtered(value, filters)

    def filter(self) -> Filter:
        name = self.name()
        arguments: list[Expression] = []
        options: dict[str, Expression] = {}
        if self.accept(":"):
            self.argument(arguments, options)
            while self.accept(","):
                self.argument(arguments, options)
        return Filter(name, arguments, options)

    def argument(self, arguments: list[Expression], options: dict[str, Expression]) -> None:
        """One more argument; or an option, which has its name before it."""
        value = self.value()
        if isinstance(value, Path) and not value.keys and self.accept(":"):
            options[value.name] = self.value()
        else:
            arguments.append(value)

    def condition(self) -> Expression:
        """Comparisons joined by `and` and `or`, to the end. Liquid groups these from the right."""
        left = self.comparison()
        if self.sees("and", "or"):
            return Logical(self.take(), left, self.condition())
        self.end()
        return left

    def comparison(self) -> Expression:
        left = self.value()
        if self.sees(*COMPARISONS):
            return Comparison(self.take(), left, self.value())
        return left
