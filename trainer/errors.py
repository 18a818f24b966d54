"""What a person can mend."""

__all__ = ["BadInput"]


class BadInput(Exception):
    """One text: what is wrong, what would be right, how to get there."""
