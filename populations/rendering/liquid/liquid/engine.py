"""A Liquid template engine: `render` is all that a caller needs."""

from context import Context
from errors import Interrupt, LiquidError
from parser import Parser
from tags import TAGS


def render(template: str, data: dict) -> str:
    """The page that `template` makes of `data`. Raises LiquidError for a template that is not Liquid."""
    page = Parser(template, TAGS).parse()
    output: list[str] = []
    try:
        page.render(Context(data), output)
    except Interrupt as interrupt:
        raise LiquidError(f"'{interrupt}' stands outside a loop") from None
    return "".join(output)
