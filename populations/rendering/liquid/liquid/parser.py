"""Puts the tokens of a template together to a page."""

from collections.abc import Callable, Mapping

from errors import LiquidError
from lexer import Token, tokens
from nodes import Block, Node, Output, Text
from reader import Reader


class Parser:
    """Steps through the tokens of one template. `tags` holds how each tag is read, by its name."""

    def __init__(self, template: str, tags: Mapping[str, Callable[["Parser", str], Node]]) -> None:
        self.tokens = tokens(template)
        self.tags = tags
        self.position = 0

    def parse(self) -> Block:
        """The whole page."""
        nodes: list[Node] = []
        while self.position < len(self.tokens):
            nodes.append(self.node())
        return Block(nodes)

    def block(self, *ends: str) -> tuple[Block, Token]:
        """What stands before the next tag with one of these names, and that tag."""
        nodes: list[Node] = []
        while self.position < len(self.tokens):
            token = self.tokens[self.position]
            if token.kind == "tag" and token.name in ends:
                self.position += 1
                return Block(nodes), token
            nodes.append(self.node())
        raise LiquidError(f"'{ends[-1]}' is missing")

    def node(self) -> Node:
        token = self.tokens[self.position]
        self.position += 1
        if token.kind == "text":
            return Text(token.text)
        if token.kind == "output":
            return Output(Reader(token.text).filtered())
        parse = self.tags.get(token.name)
        if parse is None:
            raise LiquidError(f"there is no tag '{token.name}' here")
        return parse(self, token.text)
