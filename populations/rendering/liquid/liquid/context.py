"""What a template knows while it is rendered."""


class Context:
    """The data of the page, the template's own variables, and the loops it is in."""

    def __init__(self, data: dict) -> None:
        self.data = data
        self.variables: dict[str, object] = {}
        self.loops: list[dict[str, object]] = []  # the innermost last
        self.counters: dict[str, int] = {}
        self.cycles: dict[str, int] = {}
        self.stops: dict[str, int] = {}  # where each loop ended, for `offset: continue`

    def lookup(self, name: str) -> object:
        """The innermost value of that name; nil where there is none."""
        for scope in [*reversed(self.loops), self.variables, self.data, self.counters]:
            if name in scope:
                return scope[name]
        return None

    def count(self, name: str, step: int) -> int:
        """Moves a counter. One that goes up is read before the step, one that goes down after it."""
        before = self.counters.get(name, 0)
        self.counters[name] = before + step
        return before if step > 0 else before + step

    def turn(self, group: str, length: int) -> int:
        """Whose turn it is in a cycle of that length."""
        index = self.cycles.get(group, 0)
        self.cycles[group] = (index + 1) % length
        return index
