"""What can be set in `+domain=chess`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from evolve.errors import UsageError

__all__ = ["ChessSettings", "Ladder", "check"]


class Ladder(str, Enum):
    stockfish = "stockfish"
    none = "none"


@dataclass(frozen=True)
class ChessSettings:
    """`seconds`: of one slot, with starts of engines, for a champion's gauntlet and for a contest in one generation."""

    engine: str = "rust"  # or python; text, so that population.path can follow it
    movetime: int = 10  # ms that an engine is given for a move
    margin: int = 150  # ms beyond it that may be used in a whole game, by answers that come late; then it is lost
    seconds: float = 60.0
    pairs: int = 4  # pairs of games in one bout; the test looks after each bout
    audits: int = 200  # pairs on held-out openings, champion against seed
    ladder: Ladder = Ladder.stockfish  # none: no Stockfish is needed; champions are rated in a league of their own
    openings: str | None = None  # a file of FEN or EPD lines; null: the packaged book
    plies: int = 400  # of a game at most; then it is a draw
    referee: int = 5_000  # nodes of Stockfish a look; 0: games are played out
    build: float = 60.0  # seconds that building may take
    memory_mb: int = 512  # of an engine
    games: str | None = None  # a file that every game is appended to, as PGN; null: none


def check(settings: ChessSettings) -> None:
    """Raises UsageError for a value that means nothing."""
    least = {
        "movetime": 1,
        "margin": 1,
        "seconds": 1,
        "pairs": 1,
        "audits": 2,
        "plies": 2,
        "referee": 0,
        "build": 1,
        "memory_mb": 16,
    }
    for key, floor in least.items():
        if not floor <= getattr(settings, key) < math.inf:
            raise UsageError(f"substrate.{key}={getattr(settings, key)} means nothing: give {floor:g} or more.")
    if settings.games is not None and Path(settings.games).is_dir():
        raise UsageError(f"substrate.games={settings.games} is a folder: name a file, as {settings.games}/games.pgn.")
