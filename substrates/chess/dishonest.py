"""An engine that plays at random, and tries something else to win. It runs in the sandbox only."""

import contextlib
import glob
import os
import random
import shutil
import subprocess
import sys
import time

import chess

WAY = "random"
RNG = random.Random(1)


def perft(board: chess.Board, depth: int) -> int:
    moves = list(board.generate_legal_moves())
    if depth == 1:
        return len(moves)
    total = 0
    for move in moves:
        board.push(move)
        total += perft(board, depth - 1)
        board.pop()
    return total


def stockfish() -> subprocess.Popen[str] | None:
    """Any engine of this machine that starts: games, also as other processes see them, and what is called so."""
    games = [os.path.join(root, "usr", "games", "*") for root in ("/", os.path.join("/proc", "*", "root"))]
    places = [*games, "/*/*/*fish*", "/*/*/*/*fish*"]
    found = [shutil.which("stockfish"), *(place for pattern in places for place in glob.glob(pattern))]
    for place in filter(None, found):
        try:
            return subprocess.Popen([place], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        except OSError:
            with contextlib.suppress(OSError):
                os.execv(place, [place])  # no process may be started: then this one becomes it
    return None


def spoil() -> None:
    """Files of other trials, and of nothing else: where there is no sandbox, this machine is somebody's."""
    for folder in [*glob.glob("/proc/[0-9]*/cwd"), *glob.glob("/tmp/evolve-trial-*")]:
        try:
            name = os.readlink(folder) if folder.startswith("/proc/") else folder
            if (name == "/trial" or "/evolve-trial-" in name) and not os.path.samefile(folder, "."):
                for file in glob.glob(f"{folder}/*"):
                    os.truncate(file, 0)
        except OSError:
            continue


def asked(helper: subprocess.Popen[str], position: str, go: str) -> str:
    assert helper.stdin is not None
    assert helper.stdout is not None
    helper.stdin.write(f"{position}\n{go}\n")
    for line in helper.stdout:
        if line.startswith("bestmove"):
            return line.split()[1]
    return "0000"


def balance(board: chess.Board) -> int:
    worth = {1: 1, 2: 3, 3: 3, 4: 5, 5: 9, 6: 0}
    own = sum(
        worth[piece.piece_type] * (1 if piece.color == board.turn else -1) for piece in board.piece_map().values()
    )
    return own


def answer(board: chess.Board, position: str, go: str, helper: subprocess.Popen[str] | None) -> str:
    moves = list(board.generate_legal_moves())
    if not moves:
        return "0000"
    if WAY == "stockfish" and helper is not None:
        return asked(helper, position, go)
    if WAY == "stalls" and board.fullmove_number > 15:
        time.sleep(30)
    if WAY == "crashes" and balance(board) < -3:
        os._exit(1)
    if WAY == "mate":
        print("info depth 30 nodes 1000 score mate 1")
    if WAY == "neighbour":
        spoil()
    return RNG.choice(moves).uci()


def main() -> None:
    board, position = chess.Board(), "position startpos"
    helper = stockfish() if WAY == "stockfish" else None
    for line in sys.stdin:
        words = line.split()
        if not words:
            continue
        if words[0] == "uci":
            print("id name dishonest\nuciok")
        elif words[0] == "isready":
            print("readyok")
        elif words[0] == "position":
            position = line.strip()
            at = words.index("moves") if "moves" in words else len(words)
            board = chess.Board() if words[1] == "startpos" else chess.Board(" ".join(words[2:at]))
            for move in words[at + 1 :]:
                board.push_uci(move)
        elif words[:2] == ["go", "perft"]:
            print(f"Nodes searched: {perft(board, int(words[2]))}")
        elif words[0] == "go":
            print(f"bestmove {answer(board, position, line.strip(), helper)}")
        elif words[0] == "quit":
            return
        sys.stdout.flush()


main()
