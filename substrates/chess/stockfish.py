"""Stockfish, as this house's own measuring tool: it judges openings and stands on the rungs of the ladder.

A plain trusted program over pipes, asked for nothing but a move or an evaluation at fixed nodes; genomes are never
talked to like this.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from evolve.errors import UsageError

__all__ = ["PLAIN", "Stockfish", "found"]

PLAIN: Mapping[str, str | int] = {"Threads": 1, "Hash": 16}
"""One thread, so that equal nodes give equal moves; 16 MB of hash is Stockfish's default."""

_DEBIAN = "/usr/games/stockfish"
"""Where Debian puts it, which is on few search paths of services."""


def found() -> Path:
    """The installed program."""
    place = shutil.which("stockfish") or shutil.which(_DEBIAN)
    if place is None:
        raise UsageError(
            "stockfish is not installed: it stands on the rungs of the ladder and is the referee. Debian, "
            "Ubuntu: apt-get install stockfish; macOS: brew install stockfish"
        )
    return Path(place)


class Stockfish:
    """One running program with fixed options. A context: leaving it ends the program."""

    def __init__(self, options: Mapping[str, str | int] = PLAIN, place: Path | None = None) -> None:
        self._process = subprocess.Popen(
            [str(place or found())], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
            env={**os.environ, "LC_ALL": "C"},
        )  # fmt: skip
        self._say("uci")
        names = [line for line in self._until("uciok") if line.startswith("id name ")]
        self.version = names[0].removeprefix("id name ") if names else "unnamed"
        for name, value in options.items():
            self._say(f"setoption name {name} value {value}")
        self.new_game()

    def new_game(self) -> None:
        """Forget what was searched: equal positions then get equal answers (of one whose strength isn't limited)."""
        self._say("ucinewgame")
        self._say("isready")
        for _ in self._until("readyok"):
            pass

    def move(self, fen: str, moves: Sequence[str], nodes: int) -> str:
        """The best move in UCI after `moves` from `fen`; "(none)" where there is none."""
        *_, last = self._search(fen, moves, nodes)
        return last.split()[1]

    def centipawns(self, fen: str, nodes: int) -> int | None:
        """The evaluation, for the side to move; None where a mate was seen."""
        scored = [words for line in self._search(fen, [], nodes) if "score" in (words := line.split())]
        last = scored[-1]
        kind, value = last[last.index("score") + 1 :][:2]
        return int(value) if kind == "cp" else None

    def __enter__(self) -> Stockfish:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.quit()

    def quit(self) -> None:
        """End the program; it stands between searches or is to be dropped."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()

    def _search(self, fen: str, moves: Sequence[str], nodes: int) -> Iterator[str]:
        self._say(f"position fen {fen}" + (f" moves {' '.join(moves)}" if moves else ""))
        self._say(f"go nodes {nodes}")
        return self._until("bestmove")

    def _say(self, line: str) -> None:
        if self._process.stdin is None:
            raise ValueError("no pipe to stockfish")
        self._process.stdin.write(line + "\n")

    def _until(self, word: str) -> Iterator[str]:
        """Lines up to and with the one that starts with `word`."""
        if self._process.stdout is None:
            raise ValueError("no pipe from stockfish")
        for line in self._process.stdout:
            yield line.rstrip()
            if line.startswith(word):
                return
        raise RuntimeError(f"stockfish ended (exit status {self._process.wait()}) instead of saying {word}")
