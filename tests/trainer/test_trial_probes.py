"""Genomes that know or guess where they are probed, whose answers add up to no odds, or that fill the memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from genomes import changed

from trainer.board import HEAD, Board
from trainer.corpus import Corpus
from trainer.launch import Allowed, Bare, Program
from trainer.plan import Plan
from trainer.scoring import log_probabilities
from trainer.trial import trial

pytest.importorskip("torch", reason="pip install -e '.[ml]'")

PLAN = Plan(seconds=60.0, context=32, windows=8, rows=8)
FEW = ("STEPS = 200", "STEPS = 5")
LAST = "        return logits\n"
NEXT = "        seen = F.one_hot(F.pad(tokens[:, 1:], (0, 1)), logits.shape[-1]).float()\n"


@pytest.mark.parametrize(
    ("level", "dtype"), [(1e30, np.float32), (-1e30, np.float32), (3e4, np.float32), (6e4, np.float16)]
)
def test_equal_odds_are_equal_at_any_level(level: float, dtype: type) -> None:
    """In float32, 1e30 + log(256) is 1e30: as a difference of the two, every token would be certain."""
    found = log_probabilities(np.full((1, 2, 256), level, dtype), np.zeros((1, 2), np.int64))
    assert found == pytest.approx(-np.log(256), abs=1e-6)


def test_where_it_is_probed_cannot_be_told_from_the_seed(tiny: Corpus, warm: Bare) -> None:
    """It draws as the judge might, from its own seed, and looks ahead everywhere but where it would show."""
    body = (
        "        import numpy as np\n"
        "        rng = np.random.default_rng([0, 1])\n"
        "        order, probed, places = rng.permutation(8), rng.permutation(8), rng.integers(1, 32, 8)\n"
        "        rng.integers(1, 8, 8), rng.integers(0, 256, 8)\n"
        "        again = rng.permutation(8)\n"
        "        at = getattr(self, 'at', 0)\n"
        "        self.at = at + len(tokens)\n"
        "        self.most = getattr(self, 'most', len(tokens))\n"
        "        cut = np.empty(8, int)\n"
        "        cut[probed] = places\n"
        "        where = cut[order] if self.most == 8 else places[again]\n"
        "        rows = range(len(tokens))\n" + NEXT + "        if not self.training:\n"
        "            seen[rows, where[at : at + len(tokens)] - 1] = 0\n"
        "            logits = logits + 12 * seen\n"
    )
    found = trial(changed(*FEW, LAST, body + LAST), tiny, "validation", PLAN, 0, warm)
    assert (found.status, found.bits_per_byte) == ("refused", None)


def test_a_little_of_the_next_token_at_every_place_is_noticed(tiny: Corpus, warm: Bare) -> None:
    """Both see the next token but in one place a window, so that on average they hardly differ."""
    body = NEXT + "        logits = logits if self.training else logits + 0.0014 * seen\n"
    found = trial(changed(*FEW, LAST, body + LAST), tiny, "validation", PLAN, 0, warm)
    assert found.status == "refused"
    assert "it looks at tokens that come later" in found.reason


def test_the_second_is_not_there_while_the_first_answers(tiny: Corpus, warm: Bare, tmp_path: Path) -> None:
    """What both can open or lock would carry the first one's windows over."""
    log = tmp_path / "log"
    note = f"open({str(log)!r}, 'a').write(f'{{__import__(\"os\").getpid()}} %s\\n')\n"
    genome = changed(*FEW, LAST, "        " + note % "answered" + LAST)
    genome["train.py"] += "\n\n" + note % "loaded"
    assert trial(genome, tiny, "validation", PLAN, 0, warm).status == "ok"
    told = [line.split() for line in log.read_text().splitlines()]
    loaded = [process for process, what in told if what == "loaded"]
    assert len(loaded) == 3
    first, second = loaded[1:]
    answers = [number for number, line in enumerate(told) if line == [first, "answered"]]
    assert answers
    assert max(answers) < told.index([second, "loaded"])


def test_a_board_is_reserved_as_a_whole(tmp_path: Path) -> None:
    """Else the judge's own writing fails, which ends a night, once a genome has filled what its file lies in."""
    board = Board.make(tmp_path / "ask", 1 << 20)
    board.close()
    assert (tmp_path / "ask").stat().st_blocks * 512 >= HEAD + (1 << 20)


class _Looks(Bare):
    """Starts nothing."""

    def start(self, argv: object, files: object, allowed: Allowed) -> Program:
        self.shared = list(allowed.shared)
        raise RuntimeError("seen")


def test_what_trains_can_write_no_file_in_memory(tiny: Corpus, tmp_path: Path) -> None:
    looks = _Looks(tmp_path)
    with pytest.raises(RuntimeError, match="seen"):
        trial(changed(), tiny, "validation", PLAN, 0, looks)
    assert len(looks.shared) == 3
    assert all(path.is_relative_to(tmp_path) for path in looks.shared)
