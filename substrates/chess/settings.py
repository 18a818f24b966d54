"""What can be set in `+domain=chess`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

__all__ = ["ChessSettings", "Ladder"]


class Ladder(str, Enum):
    stockfish = "stockfish"
    none = "none"


@dataclass(frozen=True)
class ChessSettings:
    """`seconds`: of play on one slot, for a champion's gauntlet, and for a contest in one generation."""

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
