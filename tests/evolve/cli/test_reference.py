"""docs/configuration.md names every setting with its default, and no other; docs/repositories.md has the command's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from evolve.config import Settings
from substrates.chess.settings import ChessSettings
from substrates.finance.settings import FinanceSettings
from substrates.ml.settings import MLSettings
from substrates.rendering.settings import RenderingSettings

DOCS = Path(__file__).parents[3] / "docs"
CONF = Path(__file__).parents[3] / "conf"


def flat(node: Any, prefix: str = "") -> dict[str, Any]:
    found = {}
    for name, value in node.items():
        if value and isinstance(value, dict):
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found


def shown(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(str, value))}]"
    if value == {}:
        return "{}"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return "(none)" if value == "???" else str(value)


def settings_of(schema: type[Any]) -> dict[str, Any]:
    found = OmegaConf.to_container(OmegaConf.structured(schema), throw_on_missing=False, enum_to_str=True)
    assert isinstance(found, dict)
    return found


def test_every_setting_is_explained_with_its_default() -> None:
    engine = settings_of(Settings)
    del engine["substrate"]
    domains = {
        "Chess": ChessSettings,
        "Finance": FinanceSettings,
        "Machine learning": MLSettings,
        "Rendering": RenderingSettings,
    }
    wanted = {title: flat({"substrate": settings_of(schema)}) for title, schema in domains.items()}
    text = (DOCS / "configuration.md").read_text(encoding="utf-8")
    found: dict[str, dict[str, str]] = {"": {}, **{title: {} for title in domains}}
    for section in text.split("\n## "):
        title = section.partition("\n")[0]
        for name, default, meaning in re.findall(r"^\| `([\w.]+)` \| (.*?) \| (.+) \|$", section, re.MULTILINE):
            found[title if title in domains else ""][name] = default
            assert meaning.strip(), name
    for title, settings in {"": flat(engine), **wanted}.items():
        assert found[title] == {name: shown(value) for name, value in settings.items()}


def test_what_a_choice_sets_is_said() -> None:
    text = " ".join((DOCS / "configuration.md").read_text(encoding="utf-8").split())
    local = OmegaConf.to_container(OmegaConf.load(CONF / "llm" / "local.yaml"))
    assert isinstance(local, dict)
    said = re.findall(r"`llm\.(\w+)=([\d.]+)`", text.partition("`llm=local` sets")[2].partition("More in")[0])
    assert dict(said) == {name: str(value) for name, value in local.items() if name != "server"}
    order = re.findall(r"`(\w+)`", text.partition("Who rewrites is chosen by `mutator=NAME` (")[2].partition(")")[0])
    numbers = text.partition("which also sets `mutator.concurrency` (")[2].partition(")")[0].split(", ")
    found = [OmegaConf.load(CONF / "mutator" / f"{name}.yaml").concurrency for name in order]
    assert [str(n) for n in found] == numbers
    assert sorted(order) == sorted(path.stem for path in (CONF / "mutator").glob("*.yaml"))
