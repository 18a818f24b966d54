"""A plain UCI chess engine on python-chess: its numbers, what a position is worth, the search, the interface.

No randomness, no files. Numbers on lines marked `tune` may take any value: the engine stays legal and keeps the clock.
"""

from __future__ import annotations

import gc
import math
import sys
import time
from functools import lru_cache
from itertools import pairwise
from queue import SimpleQueue
from threading import Thread

import chess

# In centipawns: MG while the board is full, EG when it is empty. All are conventions.
PAWN_MG = 100  # tune
PAWN_EG = 100  # tune
KNIGHT_MG = 300  # tune
KNIGHT_EG = 300  # tune
BISHOP_MG = 300  # tune
BISHOP_EG = 300  # tune
ROOK_MG = 500  # tune
ROOK_EG = 500  # tune
QUEEN_MG = 900  # tune
QUEEN_EG = 900  # tune

# A step towards the centre: a corner has none of six, the four squares in the middle have all.
PAWN_CENTRE_MG = 4  # tune
KNIGHT_CENTRE_MG = 8  # tune
KNIGHT_CENTRE_EG = 6  # tune
BISHOP_CENTRE_MG = 4  # tune
BISHOP_CENTRE_EG = 3  # tune
ROOK_CENTRE_MG = 2  # tune
QUEEN_CENTRE_MG = 1  # tune
QUEEN_CENTRE_EG = 4  # tune
KING_CENTRE_MG = -10  # tune
KING_CENTRE_EG = 8  # tune

PAWN_ADVANCE_MG = 2  # tune: a rank
PAWN_ADVANCE_EG = 5  # tune
PASSED = 2  # tune: a pawn that none can stop, times its rank squared
DOUBLED = -10  # tune: another pawn of ours on its file
ISOLATED = -10  # tune: none of ours beside its file
BISHOP_PAIR = 30  # tune
ROOK_OPEN = 15  # tune: no pawn of ours on its file
KING_SHIELD = 10  # tune: a pawn of ours beside or before the king
TEMPO = 10  # tune: the right to move

# Parts that are written and switched off: nought or less is off, 1.0 what an engine usually has.
MOBILITY = 0.0  # tune: squares that pieces attack
NULL_MOVE = 0.0  # tune: how far a node is reduced where passing is good enough already
LATE_MOVES = 0.0  # tune: how far quiet moves are reduced that come late in the order
REVERSE_FUTILITY = 0.0  # tune: how readily a node is left that stands well above the window
DELTA = 0.0  # tune: how readily captures are left out that win too little
HISTORY = 0.0  # tune: quiet moves that cut before are tried first

MATE = 30_000
MOST = 20_000  # no evaluation is above, so that none looks like a mate
DEEPEST = 60  # plies from the root
LARGEST = 200_000  # positions in the table: about 60 MB
SPARE = 0.002  # seconds that the answer takes; an assumption
FREEDOM = {chess.KNIGHT: 4, chess.BISHOP: 4, chess.ROOK: 2, chess.QUEEN: 1}  # centipawns a square; convention
BROKEN = (
    chess.STATUS_NO_WHITE_KING | chess.STATUS_NO_BLACK_KING | chess.STATUS_TOO_MANY_KINGS
    | chess.STATUS_PAWNS_ON_BACKRANK | chess.STATUS_OPPOSITE_CHECK
)  # fmt: skip


def _table(mg, centre_mg, eg, centre_eg):
    """What a piece is worth on each square, in the middle game and in the end game."""
    steps = [min(s % 8, 7 - s % 8) + min(s // 8, 7 - s // 8) for s in chess.SQUARES]
    return [(mg + n * centre_mg, eg + n * centre_eg) for n in steps]


TABLES = (
    (chess.PAWN, _table(PAWN_MG, PAWN_CENTRE_MG, PAWN_EG, 0)),
    (chess.KNIGHT, _table(KNIGHT_MG, KNIGHT_CENTRE_MG, KNIGHT_EG, KNIGHT_CENTRE_EG)),
    (chess.BISHOP, _table(BISHOP_MG, BISHOP_CENTRE_MG, BISHOP_EG, BISHOP_CENTRE_EG)),
    (chess.ROOK, _table(ROOK_MG, ROOK_CENTRE_MG, ROOK_EG, 0)),
    (chess.QUEEN, _table(QUEEN_MG, QUEEN_CENTRE_MG, QUEEN_EG, QUEEN_CENTRE_EG)),
    (chess.KING, _table(0, KING_CENTRE_MG, 0, KING_CENTRE_EG)),
)
VALUES = (0, PAWN_MG, KNIGHT_MG, BISHOP_MG, ROOK_MG, QUEEN_MG)  # by chess.PAWN, …


def evaluate(board):
    """For the side to move, in centipawns."""
    (mg, eg), (their_mg, their_eg) = worth(board, board.turn), worth(board, not board.turn)
    pieces = (board.knights | board.bishops).bit_count() + 2 * board.rooks.bit_count() + 4 * board.queens.bit_count()
    phase = min(pieces, 24)  # a full board has 24; convention
    score = ((mg - their_mg) * phase + (eg - their_eg) * (24 - phase)) // 24 + TEMPO
    return max(-MOST, min(MOST, score))


def worth(board, us):
    """Of one side: middle game and end game."""
    ours, pawns = board.occupied_co[us], board.pawns
    mg, eg = pawn_structure(pawns & ours, pawns & ~ours, us)
    for kind, table in TABLES:
        for square in chess.scan_forward(board.pieces_mask(kind, us)):
            mg += table[square][0]
            eg += table[square][1]
            if MOBILITY > 0 and kind in FREEDOM:
                free = MOBILITY * FREEDOM[kind] * (board.attacks_mask(square) & ~ours).bit_count()
                mg += int(free)
                eg += int(free)
            if kind == chess.ROOK and not pawns & ours & chess.BB_FILES[square % 8]:
                mg += ROOK_OPEN
                eg += ROOK_OPEN
    pair = BISHOP_PAIR if (board.bishops & ours).bit_count() > 1 else 0
    shield = (chess.BB_KING_ATTACKS[board.king(us)] & pawns & ours).bit_count()
    return mg + pair + KING_SHIELD * shield, eg + pair


@lru_cache(maxsize=1 << 14)
def pawn_structure(ours, theirs, us):
    mg = eg = 0
    for square in chess.scan_forward(ours):
        file, rank = square % 8, square // 8
        beside = sum(chess.BB_FILES[f] for f in (file - 1, file + 1) if 0 <= f < 8)
        ahead = sum(chess.BB_RANKS[rank + 1 :] if us else chess.BB_RANKS[:rank])
        steps = rank if us else 7 - rank
        doubled = ours & chess.BB_FILES[file] & ahead
        faults = (DOUBLED if doubled else 0) + (0 if ours & beside else ISOLATED)
        stoppers = theirs & (chess.BB_FILES[file] | beside) & ahead
        passed = 0 if doubled or stoppers else PASSED * steps * steps
        mg += PAWN_ADVANCE_MG * steps + faults + passed
        eg += PAWN_ADVANCE_EG * steps + faults + passed
    return mg, eg


class Stop(Exception):
    """The search's time is over."""


def key_of(board):
    """Equal for positions that the rules call equal."""
    passant = board.ep_square if board.has_legal_en_passant() else None
    return hash((board.pawns, board.knights, board.bishops, board.rooks, board.queens, board.kings,
                 board.occupied_co[True], board.turn, board.castling_rights, passant))  # fmt: skip


def margin(strength, depth):
    """A pawn a ply at strength 1.0, less where it is stronger; too far to matter where it is off."""
    return min(100 * depth / strength, MATE) if strength > 0 and depth <= 6 else 2 * MATE


def is_noisy(board, move):
    return board.is_capture(move) or move.promotion == chess.QUEEN


def victim(board, move):
    return board.piece_type_at(move.to_square) or chess.PAWN


class Search:
    def __init__(self, lines):
        self.lines, self.waiting, self.closed = lines, [], False
        self.table, self.history = {}, {}
        self.path = []  # keys of the positions before this one, in the game and in the search
        self.nodes, self.limit, self.deadline = 0, math.inf, math.inf

    def run(self, game, path, depth, nodes, came, deadline, begin, endless):
        """The best move, `0000` where there is none; one line of `info` for each finished iteration."""
        self.nodes, self.limit, self.deadline, self.path = 0, nodes, deadline, list(path)
        self.history.clear()
        if len(self.table) > LARGEST:
            self.table.clear()
        self.best = next(iter(game.legal_moves), chess.Move.null())
        try:
            for i in range(1, depth + 1) if self.best else ():
                score = self.negamax(game.copy(), i, 0, -MATE, MATE)
                self.report(game.copy(), i, score, came)
                if not endless and (MATE - abs(score) <= i or time.perf_counter() >= begin):
                    break
            while endless:
                self.hear(self.lines.get())
        except Stop:
            pass
        return self.best

    def report(self, board, depth, score, came):
        plies = MATE - abs(score)
        said = f"cp {score}" if plies > DEEPEST * 2 else f"mate {(plies + 1) // 2 if score > 0 else -(plies // 2)}"
        spent, line = time.perf_counter() - came, []
        while len(line) < depth and (known := self.table.get(key_of(board))) and known[3] in board.legal_moves:
            line.append(known[3].uci())
            board.push(known[3])
        say(f"info depth {depth} score {said} nodes {self.nodes} nps {int(self.nodes / spent)} "
            f"time {int(spent * 1000)} pv {' '.join(line) or self.best.uci()}")  # fmt: skip

    def negamax(self, board, depth, ply, alpha, beta):
        """The score of a node for its side to move, exact inside (alpha, beta)."""
        checked = board.is_check()
        if ply and self.is_draw(board, checked):
            return 0
        depth += checked
        if depth <= 0 or ply >= DEEPEST:
            return self.quiesce(board, ply, alpha, beta)
        self.tick()
        key = key_of(board)
        known, bound, score, first = self.table.get(key, (-1, 0, 0, None))
        if abs(score) > MOST:  # mates are counted from the root here and from the node in the table
            score -= ply if score > 0 else -ply
        decides = bound == 0 or (bound > 0 and score >= beta) or (bound < 0 and score <= alpha)
        if known >= depth and decides and beta - alpha == 1:
            return score
        self.path.append(key)
        score, best = self.expand(board, depth, ply, alpha, beta, checked, first)
        self.path.pop()
        bound = 1 if score >= beta else 0 if score > alpha else -1
        shift = (ply if score > 0 else -ply) if abs(score) > MOST else 0
        self.table[key] = (depth, bound, score + shift, best or first)
        return score

    def expand(self, board, depth, ply, alpha, beta, checked, first):
        """The best of what can be played, and the move if it raised alpha."""
        if beta - alpha == 1 and not checked and abs(beta) < MOST:
            score = self.cut_early(board, depth, ply, beta)
            if score is not None:
                return score, None
        best, move, tried = -MATE, None, 0
        for candidate in self.ordered(board, board.generate_legal_moves(), first):
            tried += 1
            quiet = not is_noisy(board, candidate)
            board.push(candidate)
            late = tried if quiet and not checked and not board.is_check() else 0
            score = self.reply(board, depth - 1, ply + 1, alpha, beta, late, tried == 1)
            board.pop()
            best = max(best, score)
            if score > alpha:
                alpha, move = score, candidate
                if ply == 0:
                    self.best = candidate
            if alpha >= beta:
                if quiet:
                    self.history[candidate] = self.history.get(candidate, 0) + depth * depth
                break
        return (best if tried else ply - MATE if checked else 0), move

    def cut_early(self, board, depth, ply, beta):
        """A score of at least beta that needs no move: we stand far above it, or can afford to pass."""
        stand = evaluate(board)
        if stand - margin(REVERSE_FUTILITY, depth) >= beta:
            return stand
        pieces = board.occupied_co[board.turn] & ~(board.pawns | board.kings)
        if stand < beta or NULL_MOVE <= 0 or depth < 3 or not pieces:
            return None
        board.push(chess.Move.null())
        score = -self.negamax(board, depth - 2 - min(round(2 * NULL_MOVE), depth), ply + 1, -beta, 1 - beta)
        board.pop()
        return min(score, MOST) if score >= beta else None

    def reply(self, board, depth, ply, alpha, beta, late, first):
        """The score of the move just made. All but the first are only shown to be no better, if that can be."""
        if first:
            return -self.negamax(board, depth, ply, -beta, -alpha)
        reduced = depth
        if LATE_MOVES > 0 and depth >= 2 and late >= 4:  # the usual shape; 2.0 an assumption
            reduced -= int(1 + min(LATE_MOVES * math.log(depth) * math.log(late) / 2.0, 99))
        score = -self.negamax(board, reduced, ply, -alpha - 1, -alpha)
        if score > alpha and reduced < depth:
            score = -self.negamax(board, depth, ply, -alpha - 1, -alpha)
        if alpha < score < beta:
            score = -self.negamax(board, depth, ply, -beta, -alpha)
        return score

    def quiesce(self, board, ply, alpha, beta):
        """The score when only captures and queens are made, all moves where in check."""
        self.tick()
        checked = board.is_check()
        best = ply - MATE if checked else evaluate(board)
        if best >= beta or ply >= 2 * DEEPEST:
            return evaluate(board) if checked else best
        alpha, stand = max(alpha, best), best
        for move in self.ordered(board, board.generate_legal_moves() if checked else noisy_moves(board), None):
            if not checked and not move.promotion and stand + VALUES[victim(board, move)] + margin(DELTA, 2) <= alpha:
                continue
            board.push(move)
            score = -self.quiesce(board, ply + 1, -beta, -alpha)
            board.pop()
            best, alpha = max(best, score), max(alpha, score)
            if alpha >= beta:
                break
        return best

    def ordered(self, board, moves, first):
        """The table's move, then captures of much by little, then quiet moves."""

        def rank(move):
            if move == first:
                return math.inf
            if is_noisy(board, move):
                return 1e12 + 16 * (victim(board, move) + (move.promotion or 0)) - board.piece_type_at(move.from_square)
            return self.history.get(move, 0) if HISTORY > 0 else 0

        return sorted(moves, key=rank, reverse=True)

    def is_draw(self, board, checked):
        """Fifty moves without progress, a position that was there before, or too little to mate with."""
        quiet = board.halfmove_clock
        if quiet >= 100 and not (checked and not any(board.generate_legal_moves())):
            return True
        dead = not board.pawns | board.rooks | board.queens and board.occupied.bit_count() <= 3
        return dead or (quiet >= 4 and key_of(board) in self.path[-quiet:])

    def tick(self):
        """Counts a node, looks at the clock and listens; raises Stop."""
        self.nodes += 1
        if self.nodes > self.limit or time.perf_counter() >= self.deadline:
            raise Stop
        while not self.lines.empty():
            self.hear(self.lines.get())

    def hear(self, line):
        text = line[1]
        if text in ("stop", "quit"):
            self.closed = text == "quit"
            raise Stop
        if text == "isready":
            say("readyok")
        else:
            self.waiting.append(line)


def noisy_moves(board):
    last = chess.BB_RANK_8 if board.turn else chess.BB_RANK_1
    moves = [*board.generate_legal_captures(), *board.generate_legal_moves(board.pawns, last & ~board.occupied)]
    return [move for move in moves if move.promotion in (None, chess.QUEEN)]


def perft(board, depth):
    """How many lines of so many plies there are."""
    if depth <= 1:
        return board.legal_moves.count() if depth == 1 else 1
    count = 0
    for move in board.generate_legal_moves():
        board.push(move)
        count += perft(board, depth - 1)
        board.pop()
    return count


def print_perft(board, depth):
    total = 0
    for move in list(board.legal_moves):
        board.push(move)
        count = perft(board, depth - 1)
        board.pop()
        total += count
        say(f"{move.uci()}: {count}")
    say(f"\nNodes searched: {total}")


def say(text):
    """One line, at once."""
    print(text, flush=True)


def read_position(words):
    """`startpos` or `fen …`, then `moves …`: the board, and the keys of the positions before. Raises ValueError."""
    end = words.index("moves") if "moves" in words else len(words)
    if not words or words[0] not in ("startpos", "fen"):
        raise ValueError("neither startpos nor fen")
    board = chess.Board(chess.STARTING_FEN if words[0] == "startpos" else " ".join(words[1:end]))
    if board.status() & BROKEN:
        raise ValueError("nothing can be played on it")
    path = []
    for word in words[end + 1 :]:
        path.append(key_of(board))
        move = board.parse_uci(word)
        if not move:
            raise ValueError("a move that passes")
        board.push(move)
    return board, path


def read_limits(words, turn, came):
    """What follows `go`, as `run` takes it: the clock runs since `came`, and nothing begins after `begin`."""
    numbers = {name: max(int(n), 0) for name, n in pairwise(words) if n.removeprefix("-").isdecimal() and len(n) < 16}
    side = "w" if turn else "b"
    deadline = begin = math.inf
    if "movetime" in numbers:
        spare = numbers["movetime"] / 1000
        deadline = came + max(spare - SPARE, spare / 2)
    elif f"{side}time" in numbers:
        left, more = numbers[f"{side}time"] / 1000, numbers.get(f"{side}inc", 0) / 1000
        # Thirty moves are still to be played, and half of its time is what an iteration may begin in; assumptions.
        share = min(left / max(1, min(30, numbers.get("movestogo", 30))) + more / 2, left / 2)
        deadline, begin = came + max(share - SPARE, share / 2), came + share / 2
    endless = "infinite" in words or (deadline == math.inf and not {"depth", "nodes"} & numbers.keys())
    depth = max(1, min(numbers.get("depth", DEEPEST), DEEPEST))
    return depth, max(1, numbers.get("nodes", math.inf)), came, deadline, begin, endless


def read(lines):
    """Reads while the search runs, up to `quit` or the end of input, which is one."""
    text = ""
    while text != "quit":
        line = sys.stdin.buffer.readline()
        text = line.decode(errors="replace").strip() if line else "quit"
        lines.put((time.perf_counter(), text))


def main():
    gc.disable()  # nothing here makes cycles, and a collection in a large table takes longer than a move may
    lines = SimpleQueue()
    Thread(target=read, args=(lines,), daemon=True).start()
    search, (board, path) = Search(lines), read_position(["startpos"])
    while not search.closed:
        came, text = search.waiting.pop(0) if search.waiting else lines.get()
        match text.split():
            case ["uci", *_]:
                say("id name plain (python)\nid author evolve\nuciok")
            case ["isready", *_]:
                say("readyok")
            case ["ucinewgame", *_]:
                search.table.clear()
            case ["position", *words]:
                try:
                    board, path = read_position(words)
                except (ValueError, IndexError) as error:
                    say(f"info string position ignored: {error}")
            case ["go", "perft", *words]:
                print_perft(board, max(1, int(words[0])) if words and words[0].isdecimal() else 1)
            case ["go", *words]:
                say(f"bestmove {search.run(board, path, *read_limits(words, board.turn, came)).uci()}")
            case ["quit", *_]:
                return


if __name__ == "__main__":
    main()
