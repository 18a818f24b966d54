"""Games by engines that play a script: how each ends, by the rules, by a referee, or by a fault."""

from __future__ import annotations

import io

import chess
import chess.pgn
import pytest
from chess_players import engine, player, scripted
from hypothesis import given
from hypothesis import strategies as st

from substrates.chess.game import FAULTS, Game, Judge, Ply, Rules, Side, _Looks, legal, play
from substrates.chess.pgn import pgn_of
from substrates.chess.uci import Fault, Info, Limit

LIMIT = Limit(movetime=1, patience=30.0)
SHORT = Limit(movetime=1, patience=0.4)

PLAIN = Rules()
SHUFFLE = ("g1f3", "f3g1") * 4, ("g8f6", "f6g8") * 4
ENDS = {
    "checkmate": (chess.STARTING_FEN, ("f2f3", "g2g4"), ("e7e5", "d8h4"), "0-1"),
    "stalemate": ("7k/8/6K1/8/8/8/8/5Q2 w - - 0 1", ("f1f7",), (), "1/2-1/2"),
    "material": ("7k/8/8/8/8/8/1p6/K7 w - - 0 1", ("a1b2",), (), "1/2-1/2"),
    "repetition": (chess.STARTING_FEN, *SHUFFLE, "1/2-1/2"),
    "fifty moves": ("7k/8/8/8/8/8/8/K6R w - - 98 80", ("h1g1",), ("h8h7",), "1/2-1/2"),
}


def played(
    white: str, black: str, opening: str = chess.STARTING_FEN, rules: Rules = PLAIN, judge: Judge | None = None
) -> Game:
    with player(white, "W") as one, player(black, "B") as other:
        return play(opening, Side(one, LIMIT), Side(other, LIMIT), rules, judge)


def read_back(game: Game) -> chess.pgn.Game:
    text = pgn_of(game, "a test", "1/0.01")
    stream = io.StringIO(text + text)
    told = chess.pgn.read_game(stream)
    assert told is not None
    assert told.errors == []
    assert chess.pgn.read_game(stream) is not None  # games follow one another in a file
    return told


@pytest.mark.parametrize("end", ENDS)
def test_games_end_by_the_rules(end: str) -> None:
    opening, white, black, result = ENDS[end]
    game = played(scripted(*white), scripted(*black), opening)
    assert (game.result, game.end, game.reason, game.fault) == (result, end, "", False)
    told = read_back(game)
    assert told.headers["Result"] == result
    assert [move.uci() for move in told.mainline_moves()] == [ply.move for ply in game.plies]
    assert told.board().fen() == chess.Board(opening).fen()


def test_a_mate_at_the_hundredth_halfmove_is_a_mate() -> None:
    game = played(scripted("f1f8"), scripted(), "7k/8/6K1/8/8/8/8/5R2 w - - 99 80")
    assert (game.result, game.end) == ("1-0", "checkmate")


def test_a_third_visit_is_a_repetition_and_a_second_is_not() -> None:
    game = played(scripted(*SHUFFLE[0]), scripted(*SHUFFLE[1]))
    assert len(game.plies) == 8


def test_a_game_is_drawn_at_its_length() -> None:
    game = played(scripted("e2e4", "d2d4"), scripted("e7e5", "d7d5"), rules=Rules(plies=3))
    assert (game.result, game.end, len(game.plies)) == ("1/2-1/2", "length", 3)


def test_black_may_be_the_first_to_move() -> None:
    game = played(scripted(), scripted("d8h4"), "rnbqkbnr/pppp1ppp/8/4p3/6P1/5P2/PPPPP2P/RNBQKBNR b KQkq - 0 2")
    assert (game.result, game.end) == ("0-1", "checkmate")
    assert read_back(game).end().san() == "Qh4#"


CASTLES = "r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 1"


@pytest.mark.parametrize(
    ("word", "end"),
    [
        ("0000", "null"),
        ("(none)", "null"),
        ("", "null"),
        ("e2e5", "illegal"),
        ("e7e5", "illegal"),  # the other side's
        ("e2e4q", "illegal"),
        ("E2E4", "illegal"),
        ("e2-e4", "illegal"),
        ("P@e4", "illegal"),
        ("e4", "illegal"),
        ("e2e2", "illegal"),
        ("e2e4" * 1000, "illegal"),
        ("\\\\'\"]}", "illegal"),
    ],
)
def test_what_is_no_move_loses_with_the_reason(word: str, end: str) -> None:
    game = played(engine(f"say({'bestmove ' + word!r})"), scripted("e7e5"))
    assert (game.result, game.end, game.fault) == ("0-1", end, True)
    assert "is no move" in game.reason
    assert len(game.reason) < 200
    told = read_back(game)
    assert list(told.mainline_moves()) == []
    assert told.headers["PlyCount"] == "0"
    assert told.headers["Termination"] == "rules infraction"
    assert told.headers["TerminationDetails"].startswith(end)


@pytest.mark.parametrize("word", ["e1h1", "e1a1"])
def test_castling_is_written_as_uci_writes_it(word: str) -> None:
    """Else the other engine, which knows no such move, would see a position that isn't the board's."""
    game = played(scripted(word), scripted("e8g8"), CASTLES)
    assert (game.result, game.end) == ("0-1", "illegal")


def test_castling_is_a_move() -> None:
    game = played(scripted("e1g1"), scripted("e8c8"), CASTLES, Rules(plies=2))
    assert (game.end, len(game.plies)) == ("length", 2)


@given(st.text(max_size=6), st.sampled_from([chess.STARTING_FEN, CASTLES, "8/P6k/8/8/8/8/8/K7 w - - 0 1"]))
def test_a_word_is_a_move_only_where_it_is_one_of_the_legal_ones(word: str, fen: str) -> None:
    board = chess.Board(fen)
    words = {board.uci(move) for move in board.legal_moves}
    assert {w for w in (word, *words) if legal(board, w)} == words | ({word} & words)


@pytest.mark.parametrize(
    ("go", "end", "termination"),
    [
        ("time.sleep(30)", "late", "time forfeit"),
        ("os._exit(1)", "crash", "abandoned"),
        ("while True: out.write(b'info depth 1\\n' * 5000)", "flood", "abandoned"),
    ],
)
def test_a_fault_in_mid_game_loses_it_and_the_moves_before_stay(go: str, end: str, termination: str) -> None:
    black = engine(f"if n > 1:\n    {go}\nsay('bestmove e7e5')")
    with player(scripted("e2e4", "d2d4"), "W") as one, player(black, "B") as other:
        limit = SHORT if end == "late" else LIMIT
        game = play(chess.STARTING_FEN, Side(one, LIMIT), Side(other, limit), Rules())
    assert (game.result, game.end) == ("1-0", end)
    assert game.reason
    told = read_back(game)
    assert [move.uci() for move in told.mainline_moves()] == ["e2e4", "e7e5", "d2d4"]
    assert told.headers["Termination"] == termination


def test_one_that_is_gone_before_the_game_has_lost_it() -> None:
    with player(scripted("e2e4"), "W") as one, player(scripted(), "B") as other:
        other._running.stop()
        game = play(chess.STARTING_FEN, Side(one, LIMIT), Side(other, LIMIT), Rules())
    assert (game.result, game.end, game.plies) == ("1-0", "crash", ())


def test_every_game_is_said_to_be_new() -> None:
    code = engine("say('bestmove e2e4' if news == 2 else 'bestmove 0000')").replace(
        "    words = line.split()\n", "    words = line.split()\n    news += words == ['ucinewgame']\n"
    )
    with player("news = 0\n" + code, "W") as one, player(scripted("e7e5"), "B") as other:
        ends = [play(chess.STARTING_FEN, Side(one, LIMIT), Side(other, LIMIT), Rules(plies=1)).end for _ in range(2)]
    assert ends == ["null", "length"]


# -- the referee -----------------------------------------------------------------------------------

OFTEN = Rules(begin=2, every=2, draws=2, wins=2)
ON = ("e2e4", "d2d4", "c2c4", "b2b3"), ("e7e5", "d7d6", "c7c6", "b7b6")


def boast(*moves: str) -> str:
    """It claims to win before each move."""
    return engine(f"say('info depth 60 score mate 1')\nsay('bestmove ' + {moves!r}[n - 1])")


@pytest.mark.parametrize(("score", "result"), [(0, "1/2-1/2"), (12, "1/2-1/2"), (900, "1-0"), (-900, "0-1")])
def test_the_referee_decides_and_not_what_is_claimed(score: int, result: str) -> None:
    """White is to move at each look. It claims a mate in each move."""
    asked: list[str] = []

    def judge(position: str) -> int:
        asked.append(position)
        return score

    game = played(boast(*ON[0]), boast(*ON[1]), rules=OFTEN, judge=judge)
    assert (game.result, game.end, len(game.plies)) == (result, "referee", 4)
    assert asked == [f"fen {chess.STARTING_FEN} moves e2e4 e7e5", f"fen {chess.STARTING_FEN} moves e2e4 e7e5 d2d4 d7d6"]
    assert game.plies[0].info.score == 99_999
    assert read_back(game).headers["Termination"] == "adjudication"


def test_claims_alone_end_nothing() -> None:
    for judge in (None, lambda position: 300):
        game = played(boast(*ON[0]), boast(*ON[1]), rules=Rules(plies=8, begin=0, every=1), judge=judge)
        assert (game.result, game.end) == ("1/2-1/2", "length")


def test_a_referee_that_breaks_is_nobodys_loss() -> None:
    def judge(position: str) -> int:
        raise Fault("crash", "it has ended")

    with pytest.raises(Fault):
        played(scripted(*ON[0]), scripted(*ON[1]), rules=OFTEN, judge=judge)


def test_the_referee_looks_when_it_is_due() -> None:
    looks = _Looks(Rules(begin=60, every=6))
    assert [ply for ply in range(80) if looks.due(ply)] == [60, 66, 72, 78]


SCORES = st.lists(st.sampled_from([0, 12, -12, 13, 500, 899, 900, -900, 100_000, -100_000]), max_size=20)


@given(SCORES, st.booleans())
def test_a_result_needs_the_same_word_as_often_as_the_rules_say(scores: list[int], white: bool) -> None:
    """As a plain count of the last looks would decide it."""
    rules, looks, seen = Rules(), _Looks(Rules()), list[int]()
    for score in scores:
        seen.append(score)
        said = looks.look(score if white else -score, chess.WHITE if white else chess.BLACK)
        if len(seen) >= rules.draws and all(abs(s) <= rules.draw for s in seen[-rules.draws :]):
            assert said == "1/2-1/2"
        elif len(seen) >= rules.wins and all(s >= rules.win for s in seen[-rules.wins :]):
            assert said == "1-0"
        elif len(seen) >= rules.wins and all(s <= -rules.win for s in seen[-rules.wins :]):
            assert said == "0-1"
        else:
            assert said is None


# -- as PGN ----------------------------------------------------------------------------------------


@given(st.data())
def test_any_game_is_read_back_as_it_was_played(data: st.DataObject) -> None:
    board, plies = chess.Board(data.draw(st.sampled_from([chess.STARTING_FEN, CASTLES]))), list[Ply]()
    opening = board.fen()
    for _ in range(data.draw(st.integers(0, 12))):
        moves = list(board.legal_moves)
        if not moves:
            break
        move = data.draw(st.sampled_from(moves))
        board.push(move)
        score = data.draw(st.one_of(st.none(), st.integers(-(10**15), 10**15)))
        plies.append(Ply(move.uci(), 0.01, Info(data.draw(st.integers(-3, 10**15)), 1, score)))
    made = len(plies)
    end = data.draw(st.sampled_from([*FAULTS, "length"]))
    if end in ("illegal", "null"):
        plies.append(Ply(data.draw(st.sampled_from(["0000", "", "a1a1", "\ufffd{}", "h1h8n"])), 0.01, Info()))
    result = data.draw(st.sampled_from(["1-0", "0-1", "1/2-1/2"]))
    reason = data.draw(st.sampled_from(["", 'it said "no" \\ and {ended} [so]; 100 %']))
    told = read_back(Game(opening, "one", "other", tuple(plies), result, end, reason))
    assert [move.uci() for move in told.mainline_moves()] == [ply.move for ply in plies[:made]]
    assert told.end().board().fen() == board.fen()
    assert (told.headers["Result"], told.headers["PlyCount"]) == (result, str(made))
    assert told.headers["TerminationDetails"] == (f"{end}: {reason}" if reason else end)
