"""Hydra at the edge: the command line becomes `Settings`, or one clear sentence."""

from __future__ import annotations

import difflib
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import hydra
from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

import evolve
from evolve.cli.help import domains
from evolve.components import load, names
from evolve.config import Settings
from evolve.errors import UsageError

__all__ = ["CONF", "composed", "domain_of", "opened", "register", "settings_of", "start", "translated"]

# Absolute: `pkg://conf` would let a foreign conf/ in the launch directory win.
CONF = Path(evolve.__file__).resolve().parents[1] / "conf"


def start(args: Sequence[str]) -> int:
    """A run, or a sweep, as Hydra composes it."""
    for domain in domains_of(args):
        register(domain)
    _no_key(args)
    # Hydra's own handler prints and exits 1; here every mistake is translated in one place.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    sys.argv = ["evolve", *map(_command_quoted, args)]
    try:
        hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")(_job)()
    except _Refused as refused:
        raise refused.error from None
    except (HydraException, OmegaConfBaseException) as error:
        raise translated(error) from None
    return 0


class _Refused(BaseException):
    """Carries a UsageError past Hydra, which would print its own lines above our sentence."""

    def __init__(self, error: UsageError) -> None:
        self.error = error


def _job(config: DictConfig) -> float | None:
    from evolve.cli.launch import launch

    try:
        settings, plain = settings_of(config)
        return launch(settings, plain, Path(HydraConfig.get().runtime.output_dir))
    except UsageError as error:
        if HydraConfig.get().mode is RunMode.RUN:
            raise _Refused(error) from error
        raise  # in a sweep, Hydra's lines say which job it was


def composed(args: Sequence[str]) -> Settings:
    """The settings that a command line means, without a run."""
    register(domain_of(args))
    try:
        with initialize_config_dir(version_base="1.3", config_dir=str(CONF), job_name="evolve"):
            config = compose("config", overrides=[_command_quoted(arg) for arg in args])
    except (HydraException, OmegaConfBaseException) as error:
        raise translated(error) from None
    return settings_of(config)[0]


def _no_key(args: Sequence[str]) -> None:
    """Before Hydra writes down how it was started."""
    for arg in args:
        if re.match(r"\+*llm\.key=(?!\W?(env|file):)", arg):
            raise UsageError(
                "llm.key must say where the key is, and never be the key: a configuration is recorded. Give env:NAME "
                "or file:PATH."
            )
        if re.match(r"\+*llm\.base_url=.*?(//[^/]*@|\?)", arg):
            raise UsageError(
                "llm.base_url holds more than an address, and a configuration is recorded: a key belongs where llm.key "
                "says (env:NAME or file:PATH)."
            )


def _command_quoted(arg: str) -> str:
    """A program and its arguments as a person types them: their braces, commas and quotes mean nothing to Hydra."""
    name, _, value = arg.partition("=")
    if name != "mutator.command" or value[:1] in ("", "'", '"'):
        return arg
    escaped = re.sub(r"(\\*)('|$)", lambda found: 2 * found[1] + (found[2] and "\\'"), value)
    return f"{name}='{escaped}'"


def settings_of(config: DictConfig) -> tuple[Settings, dict[str, Any]]:
    """The dataclasses, and the same as plain data for the ledger."""
    try:
        if OmegaConf.is_missing(config, "domain"):
            raise UsageError(domains())
        settings = OmegaConf.to_object(config)
        plain = OmegaConf.to_container(config, resolve=True, enum_to_str=True)
    except OmegaConfBaseException as error:
        raise translated(error) from None
    except FrozenInstanceError as error:  # +name=value gets past Hydra, but no dataclass has such a field
        name = str(error).split("'")[1]
        raise UsageError(f"There is no setting {name!r}.{_closest(name)} All of them: docs/configuration.md.") from None
    if not isinstance(settings, Settings) or not isinstance(plain, dict):
        raise UsageError("The configuration is not one of evolve's: config.yaml must begin with the default `schema`.")
    return settings, {str(name): value for name, value in plain.items()}


def register(domain: str) -> None:
    """The schema: of the engine, and of the domain's own settings."""
    store = ConfigStore.instance()
    store.store(name="schema", node=opened(Settings))
    store.store(group="substrate", name=domain, node=opened(load("substrates", domain).schema))


def opened(schema: type[Any]) -> DictConfig:
    """A schema that values can be laid over: OmegaConf takes frozen dataclasses for read-only ones, and Hydra any
    mapping for one that has all its names."""

    def open_up(node: DictConfig) -> DictConfig:
        OmegaConf.set_readonly(node, None)
        if OmegaConf.get_type(node) is dict:
            OmegaConf.set_struct(node, False)
        for name in node:
            if not OmegaConf.is_missing(node, name) and isinstance(node[name], DictConfig):
                open_up(node[name])
        return node

    return open_up(OmegaConf.structured(schema))


def domains_of(args: Sequence[str]) -> list[str]:
    """The domain that is named; all that are installed, where a configuration of the user's may name one."""
    own = any(re.match(r"(--config-(name|dir|path)|-c[dnp])", arg) for arg in args)
    if not own or any(re.match(r"\+*domain=", arg) for arg in args):
        return [domain_of(args)]
    return names("substrates")


def domain_of(args: Sequence[str]) -> str:
    for arg in args:
        found = re.fullmatch(r"\+{0,2}domain=(.+)", arg)
        if found is None:
            continue
        if not arg.startswith("+"):
            raise UsageError(f"{arg}: a domain is added with a plus. Type +{arg}.")
        if found[1] not in names("substrates"):
            close = difflib.get_close_matches(found[1], names("substrates"), 1)
            hint = f" Did you mean +domain={close[0]}?" if close else ""
            raise UsageError(f"There is no domain {found[1]!r}. Domains: {', '.join(names('substrates'))}.{hint}")
        return found[1]
    raise UsageError(domains())


def translated(error: Exception) -> UsageError:
    """One sentence for what Hydra or OmegaConf has refused."""
    text = _root(error)
    unknown = re.search(r"Key '([^']+)' (?:is )?not in '(\w+)'", text)
    if unknown is not None:
        path = re.search(r"full_key: (\S+)", text)
        wrong = path[1] if path else unknown[1]
        return UsageError(f"There is no setting {wrong!r}.{_closest(wrong)} All of them: docs/configuration.md.")
    invalid = re.search(r"full_key: (\S+)", text)
    first = text.strip().splitlines()[0]
    if invalid is not None:
        return UsageError(f"{invalid[1]}: {first.rstrip('.')}. docs/configuration.md says what it takes.")
    return UsageError(f"The command line cannot be read: {first.rstrip('.')}. Settings are written as name=value.")


def _root(error: BaseException) -> str:
    """The message of the innermost cause: Hydra's own only says that something could not be merged."""
    texts = [str(error)]
    while error.__cause__ is not None:
        error = error.__cause__
        texts.append(str(error))
    return next((text for text in reversed(texts) if text.strip()), repr(error))


def _closest(wrong: str) -> str:
    close = difflib.get_close_matches(wrong, list(_keys()), 1, 0.6)
    return f" Did you mean {close[0]!r}?" if close else ""


def _keys() -> Iterator[str]:
    """Every setting's name, those of the registered domains included."""
    config = OmegaConf.structured(Settings)
    yield from _flat(OmegaConf.to_container(config, throw_on_missing=False), "")
    for node in ConfigStore.instance().repo.get("substrate", {}).values():
        yield from _flat({"substrate": OmegaConf.to_container(node.node, throw_on_missing=False)}, "")


def _flat(node: Any, prefix: str) -> Iterator[str]:
    for name, value in node.items():
        yield f"{prefix}{name}"
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
