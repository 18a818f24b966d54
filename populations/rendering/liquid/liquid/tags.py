"""How each tag is read: a function of the parser and of what follows the tag's name."""

from collections.abc import Callable

from errors import Break, Continue, LiquidError
from expressions import Expression, Literal, Not
from lexer import Token
from nodes import Assign, Block, Capture, Case, Count, Cycle, For, If, Leave, Loop, Node, TableRow
from parser import Parser
from reader import Reader


def bare(token: Token) -> None:
    """An ending tag, or `else`, stands alone."""
    if token.text:
        raise LiquidError(f"'{token.name}' is followed by {token.text!r}")


def parse_if(parser: Parser, markup: str) -> Node:
    return conditional(parser, Reader(markup).condition(), "endif")


def parse_unless(parser: Parser, markup: str) -> Node:
    return conditional(parser, Not(Reader(markup).condition()), "endunless")


def conditional(parser: Parser, condition: Expression, end: str) -> Node:
    body, token = parser.block("elsif", "else", end)
    branches = [(condition, body)]
    while token.name == "elsif":
        condition = Reader(token.text).condition()
        body, token = parser.block("elsif", "else", end)
        branches.append((condition, body))
    bare(token)
    if token.name == "else":
        body, token = parser.block(end)
        bare(token)
        branches.append((Literal(True), body))
    return If(branches)


def parse_case(parser: Parser, markup: str) -> Node:
    reader = Reader(markup)
    value = reader.value()
    reader.end()
    _, token = parser.block("when", "else", "endcase")  # what stands before the first branch is not printed
    branches: list[tuple[list[Expression] | None, Block]] = []
    while token.name != "endcase":
        choices = None
        if token.name == "when":
            choices = alternatives(token.text)
        else:
            bare(token)
        body, token = parser.block("when", "else", "endcase")
        branches.append((choices, body))
    bare(token)
    return Case(value, branches)


def alternatives(markup: str) -> list[Expression]:
    reader = Reader(markup)
    found = [reader.value()]
    while reader.accept(",", "or"):
        found.append(reader.value())
    reader.end()
    return found


def loop(markup: str) -> Loop:
    """The head of a loop: `variable in items`, then limit, offset, reversed or cols in any order."""
    reader = Reader(markup)
    variable = reader.name()
    reader.expect("in")
    start = reader.position
    items = reader.value()
    source = " ".join(word for _, word in reader.words[start : reader.position])
    found = Loop(variable, source, items, {})
    while reader.kind != "end":
        reader.accept(",")
        option = reader.name()
        if option == "reversed":
            found.reversed = True
        elif option in ("limit", "offset", "cols"):
            reader.expect(":")
            if option == "offset" and reader.accept("continue"):
                found.continues = True
            else:
                found.options[option] = reader.value()
        else:
            raise LiquidError(f"a loop has no option {option!r}")
    return found


def parse_for(parser: Parser, markup: str) -> Node:
    head = loop(markup)
    body, token = parser.block("else", "endfor")
    otherwise = None
    bare(token)
    if token.name == "else":
        otherwise, token = parser.block("endfor")
        bare(token)
    return For(head, body, otherwise)


def parse_tablerow(parser: Parser, markup: str) -> Node:
    head = loop(markup)
    body, token = parser.block("endtablerow")
    bare(token)
    return TableRow(head, body)


def parse_break(parser: Parser, markup: str) -> Node:
    bare(Token("tag", markup, "break"))
    return Leave(Break, "break")


def parse_continue(parser: Parser, markup: str) -> Node:
    bare(Token("tag", markup, "continue"))
    return Leave(Continue, "continue")


def parse_assign(parser: Parser, markup: str) -> Node:
    reader = Reader(markup)
    name = reader.name()
    reader.expect("=")
    return Assign(name, reader.filtered())


def parse_capture(parser: Parser, markup: str) -> Node:
    name = lone_name(markup)
    body, token = parser.block("endcapture")
    bare(token)
    return Capture(name, body)


def parse_increment(parser: Parser, markup: str) -> Node:
    return Count(lone_name(markup), 1)


def parse_decrement(parser: Parser, markup: str) -> Node:
    return Count(lone_name(markup), -1)


def lone_name(markup: str) -> str:
    reader = Reader(markup)
    name = reader.name()
    reader.end()
    return name


def parse_cycle(parser: Parser, markup: str) -> Node:
    reader = Reader(markup)
    group = None
    choices = [reader.value()]
    if reader.accept(":"):
        group, choices = choices[0], [reader.value()]
    while reader.accept(","):
        choices.append(reader.value())
    reader.end()
    return Cycle(group, choices)


TAGS: dict[str, Callable[[Parser, str], Node]] = {
    "assign": parse_assign,
    "break": parse_break,
    "capture": parse_capture,
    "case": parse_case,
    "continue": parse_continue,
    "cycle": parse_cycle,
    "decrement": parse_decrement,
    "for": parse_for,
    "if": parse_if,
    "increment": parse_increment,
    "tablerow": parse_tablerow,
    "unless": parse_unless,
}
