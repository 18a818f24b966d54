"""What is built from settings, before a run starts."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import Any

import pytest
from toy import SEEDS, Toy

from evolve.cli import launch
from evolve.components import load
from evolve.config import Settings, WorkersSettings
from evolve.workers import local


class Wanting(Toy):
    accelerated = True


def stand_in(monkeypatch: pytest.MonkeyPatch, domain: type[Toy]) -> None:
    """The domain, under any name."""

    def found(group: str, name: str) -> Any:
        return (lambda settings: domain()) if group == "substrates" else load(group, name)

    monkeypatch.setattr(launch, "load", found)


@pytest.mark.parametrize(
    ("domain", "slots", "devices"),
    [
        (Wanting, None, [("cuda:0",), ("cuda:1",), ("cuda:2",)]),
        (Wanting, 2, [("cuda:0",), ("cuda:1",)]),
        (Toy, 2, [(), ()]),
    ],
)
def test_a_slot_an_accelerator_where_the_domain_wants_them(
    monkeypatch: pytest.MonkeyPatch, domain: type[Toy], slots: int | None, devices: list[tuple[str, ...]]
) -> None:
    stand_in(monkeypatch, domain)
    monkeypatch.setattr(local, "accelerators", lambda: ["cuda:0", "cuda:1", "cuda:2"])
    settings = Settings(domain="toy", workers=WorkersSettings(slots=slots))
    with closing(launch.build(settings, SEEDS)) as built, ExitStack() as held:
        found = [held.enter_context(built.workers.lease()).slot.devices for _ in devices]
    assert found == devices
