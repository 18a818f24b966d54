"""What can go wrong in a template, and the two ways to leave a loop early."""


class LiquidError(Exception):
    """The template cannot be parsed, or cannot be rendered with this data."""


class Interrupt(Exception):
    """Leaves the body of the innermost loop."""


class Break(Interrupt):
    """Ends the loop."""


class Continue(Interrupt):
    """Goes on with the next item."""
