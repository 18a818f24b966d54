"""The parts of a parsed page. Each has `render(context, output)` and says whether it is blank.

A tag whose bodies hold nothing but white space, assignments and the like is blank: it prints nothing, so that
templates may be laid out freely.
"""

from context import Context
from errors import Break, Continue
from expressions import Expression
from values import equal, is_true, to_number, to_text


class Node:
    blank = True

    def render(self, context: Context, output: list[str]) -> None:
        raise NotImplementedError


class Text(Node):
    def __init__(self, text: str) -> None:
        self.text = text
        self.blank = not text.strip()

    def render(self, context: Context, output: list[str]) -> None:
        output.append(self.text)


class Block(Node):
    """A sequence of nodes."""

    def __init__(self, nodes: list[Node]) -> None:
        self.nodes = nodes
        self.blank = all(node.blank for node in nodes)

    def silence(self) -> None:
        """Drops the white space of a blank block."""
        self.nodes = [node for node in self.nodes if not isinstance(node, Text)]

    def render(self, context: Context, output: list[str]) -> None:
        for node in self.nodes:
            node.render(context, output)


class Output(Node):
    blank = False

    def __init__(self, expression: Expression) -> None:
        self.expression = expression

    def render(self, context: Context, output: list[str]) -> None:
        output.append(to_text(self.expression.evaluate(context)))


class If(Node):
    """The first branch whose condition holds; the condition of `else` is the literal true."""

    def __init__(self, branches: list[tuple[Expression, Block]]) -> None:
        self.branches = branches
        self.blank = all(block.blank for _, block in branches)
        if self.blank:
            for _, block in branches:
                block.silence()

    def render(self, context: Context, output: list[str]) -> None:
        for condition, block in self.branches:
            if is_true(condition.evaluate(context)):
                block.render(context, output)
                return


class Case(Node):
    """The first branch that has the value among its own; that of `else` has None instead of values."""

    def __init__(self, value: Expression, branches: list[tuple[list[Expression] | None, Block]]) -> None:
        self.value = value
        self.branches = branches
        self.blank = all(block.blank for _, block in branches)
        if self.blank:
            for _, block in branches:
                block.silence()

    def render(self, context: Context, output: list[str]) -> None:
        value = self.value.evaluate(context)
        for choices, block in self.branches:
            if choices is None or any(equal(value, choice.evaluate(context)) for choice in choices):
                block.render(context, output)
                return


class Loop:
    """What is gone over, and how: the head of a `for` or `tablerow`."""

    def __init__(self, variable: str, source: str, items: Expression, options: dict[str, Expression]) -> None:
        self.variable = variable
        self.name = f"{variable}-{source}"
        self.items = items
        self.options = options
        self.reversed = False
        self.continues = False  # does it start where the last loop of that name stopped?

    def option(self, name: str, context: Context) -> int | None:
        value = self.options[name].evaluate(context) if name in self.options else None
        return None if value is None else int(to_number(value))

    def select(self, context: Context) -> list[object]:
        value = self.items.evaluate(context)
        if isinstance(value, dict):
            found: list[object] = [[key, each] for key, each in value.items()]
        elif isinstance(value, (list, range)):
            found = list(value)
        else:
            found = [value] if isinstance(value, str) and value else []
        start = context.stops.get(self.name, 0) if self.continues else self.option("offset", context) or 0
        limit = self.option("limit", context)
        stop = len(found) if limit is None else min(start + limit, len(found))
        context.stops[self.name] = stop
        found = found[start:stop]
        return found[::-1] if self.reversed else found


def progress(index: int, length: int) -> dict[str, object]:
    """How far a loop is, under the names that templates ask for."""
    return {
        "length": length,
        "index": index + 1,
        "index0": index,
        "rindex": length - index,
        "rindex0": length - index - 1,
        "first": index == 0,
        "last": index == length - 1,
    }


def cell(index: int, columns: int) -> dict[str, object]:
    """Where in a table the item at that index stands."""
    column = index % columns
    return {
        "row": index // columns + 1,
        "col": column + 1,
        "col0": column,
        "col_first": column == 0,
        "col_last": column == columns - 1,
    }


class For(Node):
    def __init__(self, loop: Loop, body: Block, otherwise: Block | None) -> None:
        self.loop = loop
        self.body = body
        self.otherwise = otherwise
        self.blank = body.blank and (otherwise is None or otherwise.blank)
        for block in (body, otherwise):
            if block is not None and block.blank:
                block.silence()

    def render(self, context: Context, output: list[str]) -> None:
        items = self.loop.select(context)
        if not items:
            if self.otherwise is not None:
                self.otherwise.render(context, output)
            return
        parent = next((scope["forloop"] for scope in reversed(context.loops) if "forloop" in scope), None)
        scope: dict[str, object] = {}
        context.loops.append(scope)
        try:
            for index, item in enumerate(items):
                scope[self.loop.variable] = item
                scope["forloop"] = {"name": self.loop.name, "parentloop": parent, **progress(index, len(items))}
                try:
                    self.body.render(context, output)
                except Continue:
                    continue
                except Break:
                    break
        finally:
            context.loops.pop()


class TableRow(Node):
    """A loop whose items become the cells of a table."""

    blank = False

    def __init__(self, loop: Loop, body: Block) -> None:
        self.loop = loop
        self.body = body

    def render(self, context: Context, output: list[str]) -> None:
        items = self.loop.select(context)
        if not items:
            return
        columns = self.loop.option("cols", context) or len(items)
        scope: dict[str, object] = {}
        context.loops.append(scope)
        output.append('<tr class="row1">\n')
        try:
            for index, item in enumerate(items):
                scope[self.loop.variable] = item
                scope["tablerowloop"] = {**progress(index, len(items)), **cell(index, columns)}
                output.append(f'<td class="col{index % columns + 1}">')
                try:
                    self.body.render(context, output)
                except Continue:
                    pass
                except Break:
                    output.append("</td>")
                    break
                output.append("</td>")
                if (index + 1) % columns == 0 and index + 1 < len(items):
                    output.append(f'</tr>\n<tr class="row{index // columns + 2}">')
        finally:
            context.loops.pop()
        output.append("</tr>\n")


class Leave(Node):
    """`break` or `continue`."""

    def __init__(self, interrupt: type[Break] | type[Continue], name: str) -> None:
        self.interrupt = interrupt
        self.name = name

    def render(self, context: Context, output: list[str]) -> None:
        raise self.interrupt(self.name)


class Assign(Node):
    def __init__(self, name: str, expression: Expression) -> None:
        self.name = name
        self.expression = expression

    def render(self, context: Context, output: list[str]) -> None:
        context.variables[self.name] = self.expression.evaluate(context)


class Capture(Node):
    """What the block prints goes into a variable instead of the page."""

    def __init__(self, name: str, block: Block) -> None:
        self.name = name
        self.block = block
        if block.blank:
            block.silence()

    def render(self, context: Context, output: list[str]) -> None:
        captured: list[str] = []
        self.block.render(context, captured)
        context.variables[self.name] = "".join(captured)


class Count(Node):
    """`increment` or `decrement`: prints a counter that no variable of that name touches."""

    blank = False

    def __init__(self, name: str, step: int) -> None:
        self.name = name
        self.step = step

    def render(self, context: Context, output: list[str]) -> None:
        output.append(str(context.count(self.name, self.step)))


class Cycle(Node):
    """The next of its values each time; cycles of one group, or of the same values, take turns together."""

    blank = False

    def __init__(self, group: Expression | None, choices: list[Expression]) -> None:
        self.group = group
        self.choices = choices

    def render(self, context: Context, output: list[str]) -> None:
        values = [choice.evaluate(context) for choice in self.choices]
        group = str(values) if self.group is None else to_text(self.group.evaluate(context))
        index = context.turn(group, len(values))
        if index < len(values):
            output.append(to_text(values[index]))
