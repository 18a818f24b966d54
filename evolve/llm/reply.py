"""What a server's bytes say."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

__all__ = ["Refused", "Reply", "Unusable", "code", "completion", "listed", "retry_after", "words"]


@dataclass(frozen=True)
class Reply:
    """`tokens`: of prompt and answer; None where the server didn't say."""

    text: str
    tokens: tuple[int, int] | None
    cut: bool


class Unusable(Exception):
    """No answer is in it; another time there may be one. `tokens`: what it took all the same."""

    def __init__(self, said: str, tokens: tuple[int, int] = (0, 0)) -> None:
        super().__init__(said)
        self.tokens = tokens


class Refused(Unusable):
    """The model, or a filter, won't answer this."""


def completion(body: bytes) -> Reply:
    """Of a chat completion. Raises Unusable, Refused."""
    whole = _json(body)
    if not isinstance(whole, Mapping):
        raise Unusable(f"it answered no JSON object but {_shown(body)[:80]}")
    tokens = _tokens(whole.get("usage"))
    choices = whole.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, Mapping) else None
    if not isinstance(choice, Mapping) or not isinstance(message, Mapping):
        raise Unusable(f"its answer has no choices: {words(body)}", tokens or (0, 0))
    text, why = _text(message.get("content")), choice.get("finish_reason")
    if isinstance(refusal := message.get("refusal"), str) and refusal:
        raise Refused(f"the model refuses: {refusal[:300]}", tokens or (0, 0))
    if why == "content_filter":
        raise Refused("the server's content filter held the answer back", tokens or (0, 0))
    if text is None and why == "length":
        text = ""  # it all went into thinking: no use to ask the same again
    if not isinstance(text, str) or (not text.strip() and why != "length"):
        raise Unusable("its answer is empty", tokens or (0, 0))
    return Reply(text, tokens, cut=why == "length")


def _text(content: Any) -> Any:
    """Some servers answer in parts."""
    if not isinstance(content, list):
        return content
    parts = [part.get("text") for part in content if isinstance(part, Mapping)]
    return "".join(part for part in parts if isinstance(part, str))


def _tokens(usage: Any) -> tuple[int, int] | None:
    if not isinstance(usage, Mapping):
        return None
    counts = (usage.get("prompt_tokens"), usage.get("completion_tokens"))
    if not all(isinstance(count, int) and 0 <= count < 10**9 for count in counts):
        return None
    return int(counts[0]), int(counts[1])  # type: ignore[arg-type]


def listed(body: bytes) -> list[str]:
    """The models of GET /models, as far as a person can type their names; empty where nothing can be understood."""
    whole = _json(body)
    data = whole.get("data") if isinstance(whole, Mapping) else None
    names = [one.get("id") for one in data if isinstance(one, Mapping)] if isinstance(data, list) else []
    return sorted(name for name in names if isinstance(name, str) and name.isprintable())


def words(body: bytes) -> str:
    """What an error says, in one line of at most 300 characters."""
    whole = _json(body)
    for name in ("error", "message", "detail"):
        if isinstance(whole, Mapping) and whole.get(name):
            whole = whole[name]
    return _shown(whole.encode(errors="replace") if isinstance(whole, str) else body)


def code(body: bytes) -> str:
    """The machine's word for an error; "" where there is none."""
    whole = _json(body)
    error = whole.get("error") if isinstance(whole, Mapping) else None
    said = error.get("code") if isinstance(error, Mapping) else None
    return said if isinstance(said, str) else ""


def _shown(body: bytes) -> str:
    text = " ".join(body[:2_000].decode(errors="replace").split())
    text = "".join(c if c.isprintable() else "?" for c in text)
    return (text if len(text) <= 300 else text[:300] + "…") or "nothing"


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a server asks to be left alone: a number, or a date."""
    said = headers.get("retry-after", "")
    try:
        seconds = float(said)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(said).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
