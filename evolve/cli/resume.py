"""`resume=RUN`: go on where a run was stopped, with the settings that it was started with."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from evolve.cli.configure import opened, settings_of, translated
from evolve.cli.console import Console
from evolve.cli.launch import build, go
from evolve.cli.options import printable
from evolve.components import load
from evolve.config import Settings
from evolve.errors import UsageError
from evolve.genome import Genome
from evolve.ledger import Entry, Ledger, journal
from evolve.substrate import Substrate

__all__ = ["main", "recorded_seeds", "recorded_settings"]

# What may change between two sittings: when to stop, what it may cost, and where things are; not who answers.
_MAY = (
    *("run.generations", "run.hours", "run.trials", "run.patience", "workers.slots", "workers.overlap"),
    *("llm.base_url", "llm.key", "llm.concurrency", "llm.timeout", "llm.patience", "llm.cache"),
    *("llm.budget.calls", "llm.budget.tokens", "llm.budget.usd"),
)


def main(args: Sequence[str]) -> int:
    given = dict(arg.split("=", 1) for arg in args if "=" in arg)
    odd = [arg for arg in args if "=" not in arg]
    if odd:
        raise UsageError(f"resume cannot take {odd[0]!r}. It takes resume=RUN and {', '.join(_MAY)}.")
    run = given.pop("resume")
    path = Path(given.pop("ledger.repository", "lineages.git"))
    for key in given:
        if key not in _MAY:
            raise UsageError(
                f"resume cannot change {key}: the run goes on as it began. It may change {', '.join(_MAY)}."
            )
    entries = journal(path, run)
    given["ledger.repository"] = str(path)  # where it lies now
    settings = recorded_settings(entries, [f"{key}={value}" for key, value in given.items()])
    console = Console()
    with closing(build(settings, recorded_seeds(entries))) as built:
        console.begin(settings, built.substrate, len(built.seeds))
        for remark in built.remarks:
            console.say(printable(remark))
        _same_world(entries, built.substrate, console)
        with Ledger.open(path, run, resume=True) as ledger:
            console.say(f"run {run}, recorded in {path}")
            checks = next((e.value.get("preflight", ()) for e in entries if e.kind == "run"), ())
            go(settings, built, ledger, path, Path("outputs") / run, console, checks)
    return 0


def recorded_seeds(entries: Sequence[Entry]) -> dict[str, Genome] | None:
    """Of a run: its folder may have changed since, or be gone. None where it was killed before it wrote any."""
    return {e.key: Genome(e.genome) for e in entries if e.kind == "seed" and e.genome} or None


def _same_world(entries: Sequence[Entry], substrate: Substrate, console: Console) -> None:
    """A run may not go on over other data; where the code that scores has changed, it says so."""
    begun: Mapping[str, Any] = next((e.value.get("conditions", {}) for e in entries if e.kind == "run"), {})
    now = json.loads(json.dumps(dict(substrate.conditions(0, {}, "confirm"))))
    changed = sorted(name for name in begun if begun[name] != now.get(name))
    data = [name for name in changed if name not in ("evaluator", "hardware")]
    if data:
        raise UsageError(
            f"The run cannot go on: {', '.join(data)} differs from what it began with, so that its scores would be of "
            "two worlds. Restore the data that it began with, or start a new run."
        )
    if changed:
        what = " and the ".join(changed)
        console.say(f"The {what} changed since the run began: scores before and after are kept apart.")


def recorded_settings(entries: Sequence[Entry], overrides: Sequence[str] = ()) -> Settings:
    """Of a run, from its journal: plain values laid over the schema, nothing instantiated from them."""
    value: Mapping[str, Any] | None = next((e.value for e in entries if e.kind == "run"), None)
    if value is None:
        raise UsageError("The run's journal does not say how it was started, so it cannot go on.")
    base = opened(Settings)
    base.substrate = opened(load("substrates", value["domain"]).schema)
    try:
        merged = OmegaConf.merge(base, value["settings"], OmegaConf.from_dotlist(list(overrides)))
        return settings_of(merged)[0]  # type: ignore[arg-type]
    except OmegaConfBaseException as error:
        raise translated(error) from None
