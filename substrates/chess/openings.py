"""The book: positions that games start from, balanced, generated, a fixed part of them held out for the audit.

Made by `python -m substrates.chess.openings --make N --seed S --out FILE`: random legal plies, kept where Stockfish at
fixed nodes sees neither side ahead. Node-limited engines are deterministic, so an opening serves a matchup once, with
both colours.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import random
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import chess

from evolve.errors import UsageError
from substrates.chess.stockfish import Stockfish

__all__ = ["PACKAGED", "Book", "digest", "drawn", "load", "made"]

PACKAGED = Path(__file__).parent / "data" / "openings.epd.gz"

PLIES = 8
"""Random plies of a made opening: four moves a side leave the theory and most of the pieces. A convention."""

BOUND = 50
"""Centipawns that neither side may be ahead by: with both colours played, what is left evens out. A convention."""

NODES = 20_000
"""Of the judge, per position: 20–30 ms on one core, enough to see a piece that hangs."""

_HELD_OUT = 4
"""One position in so many is the audit's: by its hash, so that it is the same one in every book and in any order."""


@dataclass(frozen=True)
class Book:
    """FENs. `held_out` is for the audit alone."""

    played: tuple[str, ...]
    held_out: tuple[str, ...]


def load(path: Path | None = None) -> Book:
    """A file of EPD or FEN lines (blank ones and those after # aside; .gz is unpacked); None is the packaged book."""
    place = path or PACKAGED
    seen: dict[str, int] = {}
    fens: dict[str, str] = {}
    for number, line in enumerate(_text(place).splitlines(), start=1):
        if not (text := line.strip()) or text.startswith("#"):
            continue
        where = f"the book {place}, line {number}"
        board = _position(text, where)
        if (name := board.epd()) in seen:
            raise UsageError(
                f"{where}: the position of line {seen[name]} again; an opening may be there once: delete it"
            )
        seen[name] = number
        fens[name] = board.fen()
    held = [name for name in fens if _hash(name) % _HELD_OUT == 0]
    if not held or len(held) == len(fens):
        raise UsageError(
            f"the book {place} has {len(fens)} positions, of which {len(held)} fall into the part held out for the "
            f"audit (about one in {_HELD_OUT}, by a hash): both parts need some; give it a few dozen positions or more"
        )
    return Book(
        played=tuple(fen for name, fen in fens.items() if name not in set(held)),
        held_out=tuple(fens[name] for name in held),
    )


def digest(book: Book) -> str:
    """What a book is called where conditions are compared: of its positions, in whatever order."""
    text = "\n".join(sorted((*book.played, *book.held_out)))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def drawn(openings: Sequence[str], seed: int, count: int) -> list[str]:
    """`count` distinct openings, in an order that depends on the seed alone; fewer of a seed are the first of more."""
    distinct = set(openings)
    if count > len(distinct):
        raise UsageError(
            f"fewer openings than games: {count} pairs of games need {count} openings, this part of the book has "
            f"{len(distinct)}; play fewer pairs or give a larger book"
        )
    return sorted(distinct, key=lambda fen: (_hash(f"{seed} {fen}"), fen))[:count]


def made(count: int, seed: int, judge: Callable[[str], int | None]) -> Iterator[str]:
    """`count` distinct EPDs. `judge`: the centipawns of a FEN, None for a mate."""
    rng = random.Random(seed)
    seen: set[str] = set()
    while count:
        board = _wandered(rng)
        if board is None or (name := board.epd()) in seen:
            continue
        seen.add(name)
        value = judge(board.fen())
        if value is not None and abs(value) <= BOUND:
            count -= 1
            yield name


def _wandered(rng: random.Random) -> chess.Board | None:
    """Random plies from the start; None where the game ended, a king is in check, or a side has lost its castling."""
    board = chess.Board()
    for _ in range(PLIES):
        moves = sorted(move.uci() for move in board.legal_moves)
        if not moves:
            return None
        board.push_uci(moves[rng.randrange(len(moves))])
    castling = board.has_castling_rights(chess.WHITE) and board.has_castling_rights(chess.BLACK)
    return board if castling and not board.is_check() and not board.is_game_over() else None


def _text(place: Path) -> str:
    try:
        data = place.read_bytes()
        return (gzip.decompress(data) if place.suffix == ".gz" else data).decode()
    except FileNotFoundError:
        raise UsageError(f"no book at {place}: give a file of EPD or FEN lines, or none for the packaged one") from None
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise UsageError(
            f"the book {place} cannot be read ({error}): it must be a text of EPD or FEN lines, packed only if its "
            "name ends in .gz"
        ) from None


def _position(text: str, where: str) -> chess.Board:
    """The position of one line, which a game can start from."""
    fields = text.split()
    board = chess.Board()
    try:
        if len(fields) == 6 and fields[4].isdecimal() and fields[5].isdecimal():
            board.set_fen(text)
        else:
            board.set_epd(text)
    except ValueError as error:
        raise UsageError(f"{where}: {text[:100]!r} is no EPD or FEN ({error}): mend or delete the line") from None
    if status := board.status():
        faults = ", ".join(str(fault.name).lower().replace("_", " ") for fault in chess.Status if fault & status)
        raise UsageError(f"{where}: {text[:100]!r} is no legal position ({faults}): mend or delete the line")
    if outcome := board.outcome(claim_draw=True):
        how = outcome.termination.name.lower().replace("_", " ")
        raise UsageError(f"{where}: {text[:100]!r} ends the game at once ({how}): delete the line")
    return board


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m substrates.chess.openings", description="Make a book of openings.")
    parser.add_argument("--make", type=int, required=True, metavar="N", help="positions")
    parser.add_argument("--seed", type=int, required=True, metavar="S", help="of the random plies")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="where to; .gz is packed")
    asked = parser.parse_args(argv)
    with Stockfish() as stockfish:

        def judge(fen: str) -> int | None:
            stockfish.new_game()
            return stockfish.centipawns(fen, NODES)

        names = []
        for name in made(asked.make, asked.seed, judge):
            names.append(name)
            if len(names) % 100 == 0:
                print(f"{len(names)} of {asked.make}", file=sys.stderr, flush=True)
        header = (
            f"# made by: python -m substrates.chess.openings --make {asked.make} --seed {asked.seed}",
            f"# {PLIES} random legal plies from the start; nobody in check; both sides may still castle",
            f"# judge: {stockfish.version}, {NODES} nodes, one thread; within {BOUND} centipawns",
        )
    data = "\n".join((*header, *names, "")).encode()
    asked.out.write_bytes(gzip.compress(data, mtime=0) if asked.out.suffix == ".gz" else data)


if __name__ == "__main__":
    try:
        main()
    except UsageError as error:
        sys.exit(str(error))
