"""evolve: a population of agents that improves itself overnight, with a score you can believe."""

__version__ = "0.1.0"
