"""What must never leave this machine or be recorded: keys, wherever a text happens to hold one."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

__all__ = ["scrub", "secrets_of"]

SAYS_SO = re.compile("KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL", re.IGNORECASE)
SHORTEST = 8  # characters; what is shorter is a switch or a placeholder ("EMPTY"), and would tear holes into any text


def secrets_of(environ: Mapping[str, str]) -> frozenset[str]:
    """The values of variables whose names say that they are secret."""
    return frozenset(value for name, value in environ.items() if SAYS_SO.search(name) and len(value) >= SHORTEST)


def scrub(text: str, secrets: Collection[str]) -> str:
    """The text with `[secret]` where a secret stood; one shorter than 8 characters is none."""
    for secret in sorted(secrets, key=len, reverse=True):  # one may hold another
        if len(secret) >= SHORTEST:
            text = text.replace(secret, "[secret]")
    return text
