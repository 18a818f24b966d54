"""From settings to an LLM. Nothing is spent here."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import openai

from evolve.config import LLMSettings
from evolve.config import Server as Kind
from evolve.errors import UsageError
from evolve.llm.budget import Prices
from evolve.llm.client import FIRST, Client, Identity
from evolve.llm.reply import words
from evolve.llm.secrets import scrub, secrets_of
from evolve.llm.types import LLM
from evolve.llm.wire import Remote, loopback

__all__ = ["base_url_of", "connect"]

OPENAI = "https://api.openai.com/v1"


def connect(
    settings: LLMSettings, answers: Callable[[], Path], first: float = FIRST, *, known_only: bool = False
) -> LLM:
    """`answers`: gives the folder where answers are kept; `first`: seconds before a failed request is tried again;
    `known_only`: nobody is ever asked, so neither key nor server need be there. Raises UsageError where no model can be
    asked, or money cannot be counted."""
    _check(settings)
    if settings.server is Kind.local:
        return _local(settings, answers, first, known_only)
    base_url = base_url_of(settings)
    key = None if known_only else _key(settings, base_url)
    prices = Prices(settings.prices)
    unknown = [model for model in settings.models if not prices.knows(model)]
    if settings.budget.usd is not None and unknown:
        raise UsageError(
            f"llm.budget.usd={settings.budget.usd:g} cannot be held: nobody says what {unknown[0]} costs. Give its "
            f"price, in USD a million tokens: llm.prices=[{{model: {unknown[0]}, input: …, output: …}}]; or cap "
            "llm.budget.tokens."
        )
    weights = tuple(settings.weights or [1.0] * len(settings.models))
    identity = Identity(_portless(base_url), base_url, tuple(settings.models), weights)
    secrets = secrets_of(os.environ)
    client = Client(settings, Remote(base_url), identity, key, secrets, prices, answers, first, known_only)
    if known_only:
        return client
    try:
        _ask_for_models(settings, client, base_url, key)
    except BaseException:
        client.close()
        raise
    return client


def _local(settings: LLMSettings, answers: Callable[[], Path], first: float, known_only: bool) -> LLM:
    from evolve.llm.local import LocalServer  # an optional part

    server = LocalServer(settings.gguf, settings.context, settings.concurrency)
    server.check()
    if settings.models not in ([], [server.model]):
        raise UsageError(
            f"llm.models=[{', '.join(settings.models)}] is for a server that has several. llm=local has the one in its "
            "file, llm.gguf=PATH: leave llm.models out."
        )
    identity = Identity(f"local {server.model}", "on this machine", (server.model,), (1.0,))
    prices = Prices(settings.prices, free=True)
    client = Client(settings, server, identity, None, secrets_of(os.environ), prices, answers, first, known_only)
    if not known_only:
        try:
            server.start()  # what it cannot load is said before there is a run
        except BaseException:
            client.close()
            raise
    return client


# -- what can be seen from the settings alone -----------------------------------------------------


def _check(settings: LLMSettings) -> None:
    budget = settings.budget
    for name, value, floor in (
        ("concurrency", settings.concurrency, 1),
        ("answer", settings.answer, 1),
        ("patience", settings.patience, 0),
        ("temperature", settings.temperature, 0),
        ("budget.calls", budget.calls, 0),
        ("budget.tokens", budget.tokens, 0),
        ("budget.usd", budget.usd, 0),
        *((f"prices: {price.model}", price.input, 0) for price in settings.prices),
        *((f"prices: {price.model}", price.output, 0) for price in settings.prices),
    ):
        if value is not None and not floor <= value < math.inf:
            raise UsageError(f"llm.{name}={value} means nothing: give {floor} or more.")
    if not 0 < settings.timeout < math.inf:
        raise UsageError(f"llm.timeout={settings.timeout} means nothing: give the seconds that an answer may take.")
    if taken := [name for name in ("model", "messages", "stream", "n") if name in settings.extra]:
        raise UsageError(
            f"llm.extra may not hold {taken[0]!r}: a request asks one of llm.models for one answer, in one piece. "
            "Leave it out."
        )
    if settings.context <= settings.answer:
        raise UsageError(
            f"llm.context={settings.context} leaves no room for a prompt beside llm.answer={settings.answer}: both "
            "together are the tokens that the model can hold. Give a larger context, or shorter answers."
        )
    if len(set(settings.models)) < len(settings.models):
        raise UsageError(f"llm.models=[{', '.join(settings.models)}] names one twice: llm.weights says how often.")
    if len({price.model for price in settings.prices}) < len(settings.prices):
        raise UsageError("llm.prices names a model twice: which of its prices holds? Give each model one.")
    if settings.weights and len(settings.weights) != len(settings.models):
        raise UsageError(
            f"llm.weights has {len(settings.weights)} numbers for {len(settings.models)} models: give one a model, or "
            "none."
        )
    if not all(0 < weight < math.inf for weight in settings.weights):
        raise UsageError(f"llm.weights={settings.weights}: give each model a number above 0, or leave it out.")


def base_url_of(settings: LLMSettings) -> str:
    """Of the server that is asked. Raises UsageError where it is none, or holds more than an address."""
    base_url = (settings.base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI).rstrip("/")
    try:
        parts = urlsplit(base_url)
        sound = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1)
    except ValueError:
        sound = False
    if not sound:
        raise UsageError(f"llm.base_url={base_url} is no address of a server: give one such as {OPENAI}.")
    if parts.username or parts.password or parts.query:
        raise UsageError(
            "llm.base_url holds more than an address, and a configuration is recorded: a key belongs where llm.key "
            "says (env:NAME or file:PATH)."
        )
    return base_url


def _portless(base_url: str) -> str:
    """An answer doesn't depend on the port that a server happens to listen at."""
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{parts.path}"


def _key(settings: LLMSettings, base_url: str) -> str | None:
    """What it says, or None where a server on this machine is asked without."""
    kind, _, where = settings.key.partition(":")
    if kind not in ("env", "file") or not where:
        raise UsageError(
            "llm.key must say where the key is, and never be the key: a configuration is recorded. Give env:NAME or "
            "file:PATH."
        )
    if kind == "file":
        try:
            key = Path(where).expanduser().read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"llm.key={settings.key} cannot be read: {error}.") from None
    else:
        key = os.environ.get(where, "").strip()
    if not key and kind == "env" and loopback(base_url):
        return None
    if not key:
        raise UsageError(
            f"No key for {base_url}: {settings.key} holds none. Set {where if kind == 'env' else 'it'}, say with "
            "llm.key=env:NAME or llm.key=file:PATH where it is, or take the local model: llm=local "
            "(pip install -e '.[local-llm]')."
        )
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise UsageError(f"{settings.key} holds no key: there are blanks or other signs in it that no key has.")
    return key


# -- what the server says -------------------------------------------------------------------------


def _ask_for_models(settings: LLMSettings, client: Client, base_url: str, key: str | None) -> None:
    """Is it there, does it take the key, and has it these models? A server that lists none is believed."""
    known = _listed(settings, client, base_url, key)
    if not settings.models:
        has = f" {base_url} has: {_some(known)}." if known else ""
        raise UsageError(f"llm.models is empty: say which model is to be asked, llm.models=[NAME].{has}")
    for model in settings.models:
        # Ollama leaves ":latest" out, proxies add ":free".
        if known and not {model, f"{model}:latest", model.split(":")[0]} & set(known):
            raise UsageError(f"{base_url} has no model {model}. llm.models may name: {_some(known)}.")


def _some(names: Sequence[str], most: int = 20) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _listed(settings: LLMSettings, client: Client, base_url: str, key: str | None) -> list[str]:
    try:
        return client.listed()
    except openai.AuthenticationError as error:
        said = words(scrub(error.response.content.decode(errors="replace"), [key] if key else []).encode())
        raise UsageError(
            f"{base_url} refuses the key that {settings.key} holds ({error.status_code}: {said})."
        ) from None
    except TimeoutError:
        return []
    except openai.APIConnectionError as error:
        if isinstance(error, openai.APITimeoutError) and not isinstance(error.__cause__, httpx2.ConnectTimeout):
            return []
        raise UsageError(
            f"Nobody answers at {base_url} ({error.__cause__ or error}). Start the server, or say where it is: "
            "llm.base_url=URL; or take the local model: llm=local."
        ) from None
    except (openai.APIStatusError, httpx2.RequestError):
        return []  # no such list, not now, or not with this key: the run finds out
