"""What must never leave this machine or be recorded: keys, wherever a text happens to hold one."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from functools import lru_cache

__all__ = ["scrub", "secrets_of"]

SAYS_SO = re.compile("KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL", re.IGNORECASE)
SHORTEST = 8  # characters; what is shorter is a switch or a placeholder ("EMPTY"), and would tear holes into any text


def secrets_of(environ: Mapping[str, str]) -> frozenset[str]:
    """The values of variables whose names say that they are secret."""
    return frozenset(value for name, value in environ.items() if SAYS_SO.search(name) and len(value) >= SHORTEST)


def scrub(text: str, secrets: Collection[str]) -> str:
    """With `[secret]` where a secret stood, also as JSON may write it; one shorter than 8 characters is none."""
    for secret in sorted(secrets, key=len, reverse=True):  # one may hold another
        if len(secret) >= SHORTEST:
            text = text.replace(secret, "[secret]")
            if "\\" in text:  # else no sign of it can be escaped
                text = _escaped(secret).sub("[secret]", text)
    return text


@lru_cache
def _escaped(secret: str) -> re.Pattern[str]:
    """The secret with any of its signs escaped: whoever reads the JSON would have it back."""
    return re.compile("".join(f"(?:{'|'.join(_written(sign))})" for sign in secret))


def _written(sign: str) -> list[str]:
    units = sign.encode("utf-16-be", "surrogatepass").hex()
    hexadecimal = "".join(rf"\\u(?i:{units[i : i + 4]})" for i in range(0, len(units), 4))
    return [hexadecimal, re.escape(json.dumps(sign)[1:-1]), re.escape(sign), *([r"\\/"] if sign == "/" else [])]
