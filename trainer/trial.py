"""One trial: a genome trains until the bell, then two processes answer for its weights, and the judge counts.

The order, and why: the text to learn from appears when the clock starts, so that loading and compiling cannot be used
to learn; and where text lies on the machine anyway, the genome itself is loaded on the clock (no warm-up). At the bell
everything of the training is killed, and what was saved whole by then counts. Then one process gets the windows to be
scored, and another, that knows nothing of the first, the same ones with changed tails, in other batches and another
order: where both saw the same tokens, they must answer the same.
"""

from __future__ import annotations

import math
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np

from trainer.board import MOST, POINT, POINTS, Ask, Board, Say, State
from trainer.corpus import Corpus
from trainer.ends import Lost, lost, tail
from trainer.job import Job
from trainer.launch import Allowed, Launcher, Program
from trainer.plan import Facts, Plan
from trainer.result import Result
from trainer.scoring import Floats, Ints, agreement, bits_per_byte, cut, log_probabilities, windows
from trainer.shared import shared_folder
from trainer.witness import Areas, Witness

__all__ = ["ENTRY", "Watch", "trial"]

ENTRY = "train.py"
"""The genome's file that defines Model and train."""

_BOOT = (
    "import sys, runpy; sys.path.insert(0, sys.argv.pop(1)); "
    "from trainer.launch import end_with_parent; end_with_parent(); "
    "runpy.run_module('trainer.child', run_name='__main__')"
)
"""Starts a child in isolated mode, where neither the folder nor the environment is searched for modules."""

_LOOK = 0.002
"""Seconds between looks at a training: the bell is late by no more."""

_LOAD = 180.0
"""Seconds for a child to load torch: 3 are usual, and nothing of a genome is in it yet."""

_TELL = 1.0
"""Seconds between what whoever watches is told."""

Watch: TypeAlias = Callable[[float, int, float], None]
"""Told about the training while it runs: seconds of the clock, steps, loss in nats per token (nan: none yet). It must
return at once: the bell waits for it."""

_PIECE = 1 << 24
"""Bytes copied at once."""

_EXACT, _COARSE = (2e-4, 2e-4, 0.02), (0.01, 0.02, 1.0)
"""By how many nats two processes' answers may differ, on average, on average just before a change, and at worst: in
float32, where other batches were seen to change them by some 1e-5, and where a genome computes in bfloat16 on an
accelerator (an assumption: one H200 training stayed within the first and the last)."""

_EDGE = 3.0
"""Differences are this much larger just before the change where a model looks ahead: measured, about 12 times for one
that attends to everything and for one that peeks at one token; 1.0 within a third for noise and for the batch."""


def trial(
    genome: Mapping[str, str],
    corpus: Corpus,
    split: str,
    plan: Plan,
    seed: int,
    launcher: Launcher,
    cores: int = 0,
    watch: Watch | None = None,
) -> Result:
    """A genome's bits per byte on a `split` of the corpus. `seed`: of weights and batches; `cores`: it may use so many;
    0: all that it is pinned to.

    A bad genome gives a Result that is not ok; only a broken machine raises.
    """
    began = time.monotonic()
    facts = Facts(corpus.vocabulary, plan.context, plan.seconds, plan.device, cores)
    one = _Trial(genome, corpus, split, plan, seed, launcher, facts, watch)
    try:
        result = one.run()
    except Lost as end:
        result = replace(one.told, status=end.status, reason=end.reason, log=end.log or one.told.log)
    finally:
        one.close()
    return replace(result, split=split, total=round(time.monotonic() - began, 3))


class _Trial:
    """The state of one trial: its files, its programs, and what is known so far."""

    def __init__(
        self,
        genome: Mapping[str, str],
        corpus: Corpus,
        split: str,
        plan: Plan,
        seed: int,
        launcher: Launcher,
        facts: Facts,
        watch: Watch | None,
    ) -> None:
        self.genome, self.corpus, self.plan, self.seed = genome, corpus, plan, seed
        self.launcher, self.facts, self.watch = launcher, facts, watch
        self.told = Result("crash")
        self._programs: list[Program] = []
        self._boards: list[Board] = []
        self._beside: list[Board] = []
        self._folder = launcher.scratch / f"trial-{time.monotonic_ns()}"
        self._folder.mkdir()
        self._gate = self._folder / "text"
        self._gate.mkdir(mode=0o755)
        self._weights = [self._shared(f"weights.{i}") for i in (0, 1)]
        # Opened before the genome could put anything else into their place.
        self._saved = [os.open(path, os.O_RDONLY | os.O_CLOEXEC) for path in self._weights]
        self._split = windows(corpus.split(split), plan.context, plan.windows)
        rows = min(plan.rows, len(self._split.inputs))
        self._areas = Areas.of(rows, plan.context, corpus.vocabulary, plan.device)
        self._memory = shared_folder(4 * (self._areas.answer + self._areas.request), self._folder)

    # -- the whole -----------------------------------------------------------------------------

    def run(self) -> Result:
        began = time.monotonic()
        # All three load beside each other; those that answer have no genome in them until the training is over.
        trainee = self._trainee()
        first, second = self._witness("first"), self._witness("second")
        log_probabilities(np.zeros((1, 1, 2), np.float32), np.zeros((1, 1), np.int64))  # torch loads now, not later
        self._beside = [first.say, second.say]
        weights = self._train(trainee, began)
        bell = time.monotonic()
        self.launcher.hand_over()
        first.begin(weights)
        # Not from the seed, which the genome is told: it would know where it is probed, and look ahead elsewhere.
        rng = np.random.default_rng()
        inputs, targets = self._split.inputs, self._split.targets
        answers = first.answers(inputs, targets, rng.permutation(len(inputs)), self._areas.rows)
        first.end()
        second.begin(weights)  # not before: what runs beside the first could be told by it what it was asked
        probed = rng.permutation(len(inputs))[: self.plan.probes or len(inputs)]
        changed, places = cut(inputs[probed], rng)
        again = second.answers(
            changed, targets[probed], rng.permutation(len(probed)), max(1, self._areas.rows * 2 // 3)
        )
        second.end()
        self._agree(answers[probed], again, places)
        sizes = self.corpus.sizes[targets]
        return replace(
            self.told,
            status="ok",
            bits_per_byte=bits_per_byte(answers, sizes),
            evaluation=round(time.monotonic() - bell, 3),
            parameters=first.say.count(Say.parameters),
            flops_per_token=first.say.amount(Say.flops),
        )

    def close(self) -> None:
        for program in self._programs:
            program.stop()
        for board in self._boards:
            board.close()
        for file in self._saved:
            os.close(file)
        for folder in (self._folder, self._memory):
            shutil.rmtree(folder, ignore_errors=True)

    # -- training ------------------------------------------------------------------------------

    def _trainee(self) -> _Child:
        return self._child("train", POINT.size * POINTS, 0, self._weights, [self._gate])

    def _train(self, child: _Child, began: float) -> Path:
        """Until the bell, or before it where train() returns. Returns the file of the last weights."""
        go = self._start(child)
        bell = go + self.plan.seconds
        self._wait(child, go, bell)
        ended = time.monotonic()
        child.program.stop()
        say = child.say
        saves, steps = say.count(Say.saves), say.count(Say.saved_steps)
        returned = say.get(Say.state) == State.done
        self.told = replace(
            self.told,
            loading=round(go - began, 3),
            training=round(ended - go, 3),
            steps=say.count(Say.steps),
            tokens=say.count(Say.tokens),
            parameters=say.count(Say.parameters),
            peak_mb=say.amount(Say.peak_mb),
            saving=say.amount(Say.saving),
            returned=returned,
            saved_share=1.0 if returned else min(1.0, steps / max(1, say.count(Say.steps))),
            curve=_curve(say),
        )
        end = child.program.result()
        if end.status != "stopped" and not returned:
            raise lost(end, "while training")
        if not saves:
            raise Lost(
                "timeout", "no weights were saved before the bell: train() must call session.start(model)", tail(end)
            )
        self.told = replace(self.told, log=tail(end))
        last = (saves - 1) % 2
        return self._kept(self._saved[last], say.count(Say.saved_bytes_1 if last else Say.saved_bytes))

    def _start(self, child: _Child) -> float:
        """Returns when the clock has started: `time.monotonic()` then."""
        end = time.monotonic() + _LOAD
        self._reached(child, State.booted, _LOAD)
        # The others' loading would be on its clock, too.
        while any(say.get(Say.state) == State.loading for say in self._beside) and time.monotonic() < end:
            time.sleep(_LOOK)
        if child.say.get(Say.state) == State.loading:
            raise Lost("timeout", f"torch was not loaded after {_LOAD:g} s: the machine is too busy")
        if self.plan.warmup:
            child.ask.set(Ask.load, 1.0)
            self._reached(child, State.ready, self.plan.warmup)
        # Without a warm-up nothing of the genome runs before its clock.
        self.launcher.turn()
        self._open_the_gate()
        go = time.monotonic()
        child.ask.set(Ask.bell, go + self.plan.seconds)
        child.ask.set(Ask.go, go)
        child.ask.set(Ask.load, 1.0)
        return go

    def _reached(self, child: _Child, state: State, seconds: float) -> None:
        """Waits for it, at most so long. Raises Lost where the program ends before."""
        end = time.monotonic() + seconds
        while child.say.get(Say.state) != state and time.monotonic() < end:
            if child.program.done():
                raise lost(child.program.result(), "before the clock started")
            time.sleep(_LOOK)

    def _wait(self, child: _Child, go: float, bell: float) -> None:
        tell = go + _TELL
        while (now := time.monotonic()) < bell and not child.program.done():
            if self.watch and now >= tell:
                tell = now + _TELL
                curve = _curve(child.say)
                self.watch(now - go, child.say.count(Say.steps), curve[-1][2] if curve else math.nan)
            time.sleep(min(_LOOK, max(0.0, bell - time.monotonic())))

    def _open_the_gate(self) -> None:
        """The training text appears in a folder that the child sees already."""
        text = self._gate / "train.bin"
        try:
            os.link(self.corpus.train, text)
        except OSError:  # another file system
            shutil.copyfile(self.corpus.train, text)

    def _kept(self, saved: int, said: int) -> Path:
        """A copy of the weights, which nothing of the training has open: what outlives the bell cannot change it."""
        size, most = os.fstat(saved).st_size, self.plan.weights_mb << 20
        if size > most:
            raise Lost("refused", f"its weights are {size:,} bytes; {most:,} are allowed")
        if size != said or not size:
            raise Lost("refused", f"its last weights are {size:,} bytes, but it said {said:,}")
        kept, at = self._folder / "weights", 0
        with kept.open("xb") as copy:
            while piece := os.pread(saved, min(_PIECE, size - at), at):
                copy.write(piece)
                at += len(piece)
        kept.chmod(0o644)
        return kept

    # -- answering -----------------------------------------------------------------------------

    def _witness(self, name: str) -> Witness:
        areas = self._areas
        place = self._folder / f"{name}.weights"
        place.mkdir(mode=0o755)
        child = self._child("answer", 2 * areas.answer, 2 * areas.request, [place / "weights"], [place])
        return Witness(child.program, child.ask, child.say, place / "weights", areas, self.plan.evaluation)

    def _agree(self, first: Floats, second: Floats, places: Ints) -> None:
        """Raises Lost where the two processes saw the same and answered something else."""
        found = agreement(first, second, places)
        mean, last, worst = _EXACT if self.plan.device == "cpu" else _COARSE
        self.told = replace(self.told, differs=found.worst)
        # `gain` is thin where only the next token is looked at: that shows in one place a window.
        if abs(found.gain) <= mean and found.last <= last and found.worst <= worst:
            return
        if found.edge > _EDGE * found.usual:  # chance and the batch know nothing of where the change was
            why = "it looks at tokens that come later"
        else:
            why = (
                "its answers depend on more than the tokens it is given: on chance, on the batch, on what it "
                "kept, or on tokens that come later"
            )
        raise Lost(
            "refused",
            f"{why}: where two processes saw the same tokens, their answers differ by {found.gain:.2g} nats on average "
            f"and {found.worst:.2g} at worst; just before tokens that only one of them saw, by {found.last:.2g}",
        )

    # -- programs ------------------------------------------------------------------------------

    def _child(
        self,
        what: str,
        say: int,
        ask: int,
        weights: list[Path],
        visible: list[Path],
    ) -> _Child:
        number = len(self._boards)
        training = what == "train"
        # A file that is shared can be made as large as weights may be: what trains is given none in memory.
        where = self._folder if training else self._memory
        asked, said = where / f"ask.{number}", where / f"say.{number}"
        boards = Board.make(asked, ask), Board.make(said, say)
        self._boards += boards
        asked.chmod(0o644)
        said.chmod(0o666)
        job = Job(
            what,
            ENTRY,
            self.facts,
            self.seed,
            str(asked),
            str(said),
            [str(path) for path in weights],
            str(self._gate / "train.bin") if training else "",
            self.corpus.dtype,
            self.plan.saves,
            self._areas.request,
            self._areas.answer,
            self._areas.dtype,
        )
        here = Path(__file__).resolve().parent
        plan = self.plan
        # The judge ends them itself; these are for when it cannot. Another trial on this slot may be finishing first.
        after = _LOAD + plan.warmup + 2 * plan.evaluation + plan.seconds + 5.0
        program = self.launcher.start(
            [sys.executable, "-I", "-c", _BOOT, str(here.parent), job.to_json()],
            self.genome,
            Allowed(
                seconds=after if training else after + 2 * plan.evaluation,
                memory_mb=plan.memory_mb,
                processes=plan.processes,
                file_mb=plan.weights_mb,
                visible=[here, asked, *visible],
                shared=[said, *(weights if training else [])],
                hidden=self.corpus.hidden,
            ),
        )
        self._programs.append(program)
        return _Child(program, *boards)

    def _shared(self, name: str) -> Path:
        path = self._folder / name
        path.touch()
        path.chmod(0o666)
        return path


@dataclass(frozen=True)
class _Child:
    program: Program
    ask: Board
    say: Board


def _curve(say: Board) -> tuple[tuple[float, int, float], ...]:
    data = say.take(0, POINT.size * POINTS)
    points = [POINT.unpack_from(data, at) for at in range(0, len(data) - POINT.size + 1, POINT.size)]
    return tuple(
        (round(s, 3), int(n), loss) for s, n, loss in points if 0 < s < MOST and 0 <= n < MOST and abs(loss) < MOST
    )
