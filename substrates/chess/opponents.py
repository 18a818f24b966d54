"""Stockfish on the rungs of the ladder and as the referee, as far as the settings want it and the machine has it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from evolve.errors import UsageError
from substrates.chess.engine import Contestant
from substrates.chess.ladder import load_ladder
from substrates.chess.rating import Rung
from substrates.chess.referee import Referees, version_of
from substrates.chess.settings import ChessSettings, Ladder
from substrates.chess.stockfish import found
from substrates.chess.uci import Fault, Limit

__all__ = ["Opponents", "Rungs"]

_PATIENCE = 60.0
"""Seconds for a move of a rung, whose strength is in its nodes: it is only late where the machine is broken."""


@dataclass(frozen=True)
class Rungs:
    """Who stands on the ladder, and where, by name; `version`: the Stockfish that it was calibrated with."""

    contestants: Mapping[str, Contestant]
    rungs: Mapping[str, Rung]
    version: str


class Opponents:
    """Raises UsageError where what is wanted isn't here."""

    def __init__(self, settings: ChessSettings) -> None:
        self._settings = settings
        self._program: Path | None = None
        if settings.ladder is Ladder.stockfish or settings.referee:
            try:
                self._program = found()
            except UsageError as error:
                raise UsageError(
                    f"{error}. Without it: substrate.ladder=none substrate.referee=0 rates champions in a league."
                ) from None

    @cached_property
    def ladder(self) -> Rungs | None:
        """None where there is none."""
        if self._settings.ladder is Ladder.none or self._program is None:
            return None
        anchors, rungs, facts = load_ladder()
        # The sandbox shows no games: a copy is shown to whom it is for.
        self._folder = tempfile.TemporaryDirectory(prefix="evolve-chess-")
        Path(self._folder.name).chmod(0o755)
        copy = Path(self._folder.name, "stockfish")
        shutil.copyfile(self._program, copy)
        copy.chmod(0o755)
        make = partial(Contestant, argv=[str(copy)], visible=[copy], trusted=True)
        seated = {
            a.name: make(name=a.name, limit=Limit(nodes=a.nodes, patience=_PATIENCE), options={"Hash": 16, **a.options})
            for a in anchors.values()
        }
        return Rungs(seated, rungs, facts.stockfish)

    @cached_property
    def referees(self) -> Referees | None:
        """None where games are played out."""
        nodes = self._settings.referee
        return Referees(self._program, nodes) if nodes and self._program is not None else None

    @cached_property
    def version(self) -> str:
        """Of the Stockfish that plays and judges; empty without one. Raises UsageError where it is none."""
        if self._program is None:
            return ""
        try:
            return version_of(self._program)
        except Fault as fault:
            raise UsageError(f"{self._program} does not answer as stockfish does: {fault.reason}.") from None

    def remark(self) -> str:
        """What a person must know of them; empty where nothing."""
        if self.ladder is None or self.ladder.version == self.version:
            return ""
        return (
            f"The ladder was calibrated with {self.ladder.version}; here is {self.version}: Elo on it is shifted by "
            "what they differ in."
        )
