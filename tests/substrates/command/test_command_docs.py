"""docs/repositories.md names every setting with its default, and no other."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

from evolve.cli.configure import composed
from substrates.command.parsers import FORMATS
from substrates.command.settings import CommandSettings

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "repositories.md").read_text(encoding="utf-8")


def shown(value: Any) -> str:
    return (
        {True: "true", False: "false", None: "null"}[value]
        if value is None or value is True or value is False
        else str(value)
    )


def test_every_setting_is_explained_with_its_default() -> None:
    rows = re.findall(r"^\| `substrate\.(\w+)` \| (.*?) ?\| (.+) \|$", TEXT, re.MULTILINE)
    found = {name: default for name, default, _ in rows if name not in ("format",)}
    wanted = {name: shown(value) for name, value in asdict(CommandSettings()).items() if name != "format"}
    assert found == wanted
    assert ("format", "auto", "see above") in rows


def test_every_format_is_explained() -> None:
    assert all(f"| `{name}` |" in TEXT for name in FORMATS)


def test_what_the_domain_sets_is_as_documented() -> None:
    settings = composed(["+domain=command"])
    said = {
        "population.copies": settings.population.copies,
        "selection.rewrite": settings.selection.rewrite,
        "mutator.name": settings.mutator.name,
        "mutator.concurrency": settings.mutator.concurrency,
        "run.patience": settings.run.patience,
    }
    assert all(f"`{name}={value}`" in TEXT for name, value in said.items())
