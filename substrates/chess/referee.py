"""An engine that is trusted, Stockfish, as a referee and as an analyst."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from substrates.chess.uci import Limit, Player, Reply, plain

__all__ = ["Referees", "version_of"]

_PATIENCE = 60.0


@lru_cache(maxsize=4)
def version_of(program: Path) -> str:
    """As it names itself. Raises Fault where it is no UCI engine."""
    player = Player(plain([str(program)]))
    try:
        return player.handshake({}, 10.0)
    finally:
        player.close()


class Referees:
    """As many of them as are asked at once, kept while the process lives. `nodes` a look."""

    def __init__(self, program: Path, nodes: int) -> None:
        self._program, self._limit = program, Limit(nodes=nodes, patience=_PATIENCE)
        self._idle: queue.SimpleQueue[Player] = queue.SimpleQueue()

    @contextmanager
    def one(self) -> Iterator[Player]:
        try:
            player = self._idle.get_nowait()
        except queue.Empty:
            player = self._started()
        try:
            yield player
        except BaseException:
            player.close()
            raise
        self._idle.put(player)

    def _started(self) -> Player:
        player = Player(plain([str(self._program)]), "referee")
        try:
            player.handshake({"Threads": 1, "Hash": 16}, _PATIENCE)
        except BaseException:
            player.close()
            raise
        return player

    def reply(self, player: Player, position: str) -> Reply:
        """Its best move, and what it thinks of it."""
        return player.go(position, self._limit)

    def score(self, player: Player, position: str) -> int:
        """Centipawns for the side to move."""
        return self.reply(player, position).info.score or 0

    def close(self) -> None:
        while not self._idle.empty():
            self._idle.get().close()
