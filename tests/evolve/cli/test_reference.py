"""docs/configuration.md names every setting with its default, and no other; docs/repositories.md has the command's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from evolve.config import Settings
from substrates.finance.settings import FinanceSettings
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
        return f"[{', '.join(value)}]"
    if value == {}:
        return "{}"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return "(none)" if value == "???" else str(value)


def test_every_setting_is_explained_with_its_default() -> None:
    engine = OmegaConf.to_container(OmegaConf.structured(Settings), throw_on_missing=False, enum_to_str=True)
    finance = OmegaConf.to_container(OmegaConf.structured(FinanceSettings), enum_to_str=True)
    rendering = OmegaConf.to_container(OmegaConf.structured(RenderingSettings), enum_to_str=True)
    assert isinstance(engine, dict)
    del engine["substrate"]
    wanted = flat(engine) | flat({"substrate": finance}) | flat({"substrate": rendering})
    text = (DOCS / "configuration.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([\w.]+)` \| (.*?) \| (.+) \|$", text, re.MULTILINE)
    assert {name: default for name, default, _ in rows} == {name: shown(value) for name, value in wanted.items()}
    assert all(meaning.strip() for *_, meaning in rows)


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
