"""One game between two engines: whose move it is, what is legal, how it ends. No engine is believed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import chess

from substrates.chess.uci import Fault, Info, Limit, Player, Reply

__all__ = ["FAULTS", "Game", "Judge", "Ply", "Result", "Rules", "Side", "legal", "play"]

Result = Literal["1-0", "0-1", "1/2-1/2"]
Judge = Callable[[str], int]
"""A referee's word on a position (the arguments of `position`): centipawns for the side to move."""

FAULTS = ("late", "crash", "flood", "protocol", "illegal", "null")
"""Ends that are an engine's own fault; the others are chess."""


@dataclass(frozen=True)
class Rules:
    """When a game ends that nobody has won: after `plies`; or by the referee, who looks from `begin` on every `every`
    plies, and decides when it says the same so often: a draw within `draw` centipawns, a win from `win` on."""

    plies: int = 400
    begin: int = 60
    every: int = 6
    draw: int = 12
    draws: int = 4
    win: int = 900
    wins: int = 2


@dataclass(frozen=True)
class Side:
    """An engine in its seat, with what it may use for a move."""

    player: Player
    limit: Limit


@dataclass(frozen=True)
class Ply:
    """A move in UCI's notation, the seconds it took, and what was claimed about it."""

    move: str
    seconds: float
    info: Info


@dataclass(frozen=True)
class Game:
    """From `opening` (FEN). `end`: checkmate, stalemate, material, repetition, fifty moves, length, referee, or one of
    FAULTS, then with a `reason`, and it is the loser's. `processor`: CPU seconds of white's and of black's program in
    all its life, start and waiting included; 0 where it isn't known, or goes on to live."""

    opening: str
    white: str
    black: str
    plies: tuple[Ply, ...]
    result: Result
    end: str
    reason: str = ""
    processor: tuple[float, float] = (0.0, 0.0)

    @property
    def fault(self) -> bool:
        return self.end in FAULTS

    def points(self, white: bool) -> float:
        """1, 1/2 or 0 for that side."""
        won = {"1-0": 1.0, "0-1": 0.0, "1/2-1/2": 0.5}[self.result]
        return won if white else 1.0 - won

    @property
    def seconds(self) -> float:
        return math.fsum(ply.seconds for ply in self.plies)


def play(opening: str, white: Side, black: Side, rules: Rules, judge: Judge | None = None) -> Game:
    """One game, both engines told that it is a new one. Whoever breaks the protocol, is late, or plays what is no move
    has lost it."""
    board, position = chess.Board(opening), f"fen {opening} moves"
    plies: list[Ply] = []
    looks = _Looks(rules)
    clocks = {chess.WHITE: _Clock(white.limit), chess.BLACK: _Clock(black.limit)}

    def ended(result: Result, end: str, reason: str = "") -> Game:
        return Game(opening, white.player.name, black.player.name, tuple(plies), result, end, reason)

    def lost(loser: chess.Color, end: str, reason: str) -> Game:
        return ended("0-1" if loser == chess.WHITE else "1-0", end, reason)

    for color, side in ((chess.WHITE, white), (chess.BLACK, black)):
        try:
            side.player.new_game(side.limit.patience + 5.0)
        except Fault as fault:
            return lost(color, fault.kind, fault.reason)
    while True:
        if (natural := _natural(board)) is not None:
            return ended(*natural)
        if len(plies) >= rules.plies:
            return ended("1/2-1/2", "length")
        if judge is not None and looks.due(len(plies)) and (said := looks.look(judge(position), board.turn)):
            return ended(said, "referee")
        side = white if board.turn == chess.WHITE else black
        try:
            reply = clocks[board.turn].asked(side, position)
        except Fault as fault:
            return lost(board.turn, fault.kind, fault.reason)
        plies.append(Ply(reply.move, reply.seconds, reply.info))
        move = legal(board, reply.move)
        if move is None:
            end = "null" if reply.move in ("0000", "(none)", "") else "illegal"
            return lost(board.turn, end, f"{reply.move[:12]!r} is no move in {board.fen()}")
        board.push(move)
        position += " " + reply.move


def _natural(board: chess.Board) -> tuple[Result, str] | None:
    """How the game is over by the rules of chess; draws that a player could claim are."""
    if not any(board.generate_legal_moves()):
        if not board.is_check():
            return "1/2-1/2", "stalemate"
        return ("0-1" if board.turn == chess.WHITE else "1-0"), "checkmate"
    if board.halfmove_clock >= 100:
        return "1/2-1/2", "fifty moves"
    if board.is_insufficient_material():
        return "1/2-1/2", "material"
    if board.halfmove_clock >= 8 and board.is_repetition(3):
        return "1/2-1/2", "repetition"
    return None


def legal(board: chess.Board, word: str) -> chess.Move | None:
    """The move that UCI writes so; None where it is none. Castling as the king's way onto its rook, which python-chess
    would take, isn't: it reaches the other engine as it stands, and that one would then see another position."""
    try:
        move = chess.Move.from_uci(word)
    except ValueError:
        return None
    return move if move and board.is_legal(move) and board.uci(move) == word else None


class _Clock:
    """What an engine may take beyond its time a move, in a whole game: an answer that comes late uses it up, one that
    comes early gives back, up to what there was. So nobody wins by taking a little more on every move."""

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._share = (limit.movetime or 0) / 1e3
        self._spare = self._most = limit.patience - self._share

    def asked(self, side: Side, position: str) -> Reply:
        """Raises Fault."""
        if self._limit.movetime is None:
            return side.player.go(position, self._limit)
        reply = side.player.go(position, replace(self._limit, patience=self._share + self._spare))
        self._spare = min(self._most, self._spare + self._share - reply.seconds)
        if self._spare < 0:
            raise Fault("late", f"{1e3 * reply.seconds:.0f} ms, and nothing left to spare")
        return reply


class _Looks:
    """What the referee has said, in a row."""

    def __init__(self, rules: Rules) -> None:
        self._rules, self._drawn, self._won = rules, 0, 0

    def due(self, ply: int) -> bool:
        return ply >= self._rules.begin and (ply - self._rules.begin) % self._rules.every == 0

    def look(self, score: int, turn: chess.Color) -> Result | None:
        """A result, once it was said often enough; `score` for the side to move."""
        rules, white = self._rules, score if turn == chess.WHITE else -score
        self._drawn = self._drawn + 1 if abs(white) <= rules.draw else 0
        ahead = (white >= rules.win) - (white <= -rules.win)
        self._won = 0 if not ahead else self._won + ahead if self._won * ahead >= 0 else ahead
        if self._drawn >= rules.draws:
            return "1/2-1/2"
        if abs(self._won) >= rules.wins:
            return "1-0" if self._won > 0 else "0-1"
        return None
