"""Games as PGN, which every chess program opens."""

from __future__ import annotations

import threading
from pathlib import Path

import chess
import chess.pgn

from substrates.chess.fair import contaminated
from substrates.chess.game import Game, legal

__all__ = ["Archive", "pgn_of"]

_TERMINATION = {"late": "time forfeit", "referee": "adjudication", "length": "adjudication"}
_ABANDONED = {"crash", "flood", "protocol"}


def pgn_of(game: Game, event: str, time_control: str) -> str:
    """One game with its opening, both engines, every move's claims and seconds, and how it ended."""
    board = chess.Board(game.opening)
    told = chess.pgn.Game()
    told.setup(board)
    told.headers.update(
        {
            "Event": event,
            "White": game.white,
            "Black": game.black,
            "Result": game.result,
            "TimeControl": time_control,
            "Termination": _TERMINATION.get(
                game.end, "abandoned" if game.end in _ABANDONED else "rules infraction" if game.fault else "normal"
            ),
            "TerminationDetails": f"{game.end}: {game.reason}" if game.reason else game.end,
        }
    )
    for color, spent in zip(("White", "Black"), game.processor, strict=True):
        if spent:
            told.headers[f"{color}Processor"] = f"{spent:.2f} s"
    if contaminated(game):
        told.headers["Contaminated"] = "an engine computed for less than three quarters of its moves' time"
    for header in ("Site", "Date", "Round"):
        told.headers.pop(header, None)
    node: chess.pgn.GameNode = told
    for ply in game.plies:
        move = legal(board, ply.move)
        if move is None:
            break  # the one that lost it
        board.push(move)
        node = node.add_variation(move)
        score = "" if ply.info.score is None else f"{ply.info.score / 100:+.2f}/{ply.info.depth} "
        node.comment = f"{score}{ply.seconds:.3f}s"
    told.headers["PlyCount"] = str(node.ply() - told.ply())
    return f"{told}\n\n"


class Archive:
    """A file that games are appended to, each whole. Thread-safe."""

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, threading.Lock()

    def add(self, text: str) -> None:
        with self._lock:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as stream:
                stream.write(text)
