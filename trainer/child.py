"""The process that holds the genome: it trains, or it answers what comes next after given tokens.

Whatever it says is a claim. It never gets a target: when it trains, the text that it is scored on isn't there, and
when it answers, only inputs are.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import time
import traceback
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import torch

from trainer.board import Ask, Board, Say, State
from trainer.job import BAD_GENOME, DIVERGED, NO_MEMORY, Job
from trainer.session import Diverged, Session, Text, seed_everything

__all__ = ["main"]

_ASLEEP = 2e-4
"""Seconds between looks at whether there is a request."""

_IDLE = 0.01
"""Seconds between looks while another trains: looking costs time that is not ours."""


def main(text: str) -> int:
    job = Job.from_json(text)
    job = replace(job, facts=replace(job.facts, cores=job.facts.cores or len(os.sched_getaffinity(0))))
    ask, say = Board.open(job.ask), Board.open(job.say, write=True)
    torch.set_num_threads(job.facts.cores)
    seed_everything(job.seed)
    try:
        if job.what == "train":
            _train(job, ask, say)
        else:
            _answer(job, ask, say)
    except Diverged as error:
        return _end(DIVERGED, str(error))
    except torch.cuda.OutOfMemoryError as error:
        return _end(NO_MEMORY, str(error).partition(". ")[0])
    except _BadGenome as error:
        return _end(BAD_GENOME, str(error))
    except Exception:
        traceback.print_exc()
        return _end(1, "")
    return 0


class _BadGenome(Exception):
    """Said in one sentence; no traceback of ours."""


def _train(job: Job, ask: Board, say: Board) -> None:
    # The first optimiser would import it, for two seconds of the clock; it makes a folder, which goes with this one.
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(Path.cwd() / ".inductor"))
    importlib.import_module("torch._dynamo")
    say.set(Say.state, State.booted)
    while not ask.get(Ask.load):
        time.sleep(_ASLEEP)
    module = _loaded(job.genome)
    session = Session(job.facts, job.seed, Text(Path(job.text), job.dtype), ask, say, job.weights, job.saves)
    module.train(session)
    session.finish()


def _answer(job: Job, ask: Board, say: Board) -> None:
    say.set(Say.state, State.booted)
    while not ask.get(Ask.go):  # torch is loaded; the genome is not, so that nothing of it runs while another trains
        time.sleep(_IDLE)
    module = _loaded(job.genome)
    device = torch.device(job.facts.device)
    model = module.Model(job.facts)
    model.load_state_dict(torch.load(job.weights[0], map_location="cpu", weights_only=True))
    model = model.to(device).eval()
    say.set(Say.parameters, sum(p.numel() for p in model.parameters()))
    say.set(Say.state, State.ready)
    answered, kept = 0, None
    with torch.inference_mode():
        while True:
            while ask.count(Ask.request) <= answered:
                time.sleep(_ASLEEP)
            area = answered % 2
            rows = ask.count(Ask.rows_1 if area else Ask.rows)
            data = ask.take(area * job.request, rows * job.facts.context * 4)
            tokens = torch.from_numpy(np.frombuffer(bytearray(data), np.int32).astype(np.int64))
            tokens = tokens.view(rows, job.facts.context).to(device)
            if not answered and device.type == "cuda":  # where no utilisation is said, counting would cost 2 s
                say.set(Say.flops, _flops(model, tokens[:1]))
            logits = model(tokens)
            wanted = (rows, job.facts.context, job.facts.vocabulary)
            if tuple(logits.shape) != wanted:
                got = tuple(logits.shape)
                raise _BadGenome(f"Model gives logits of shape {got}; wanted {wanted}: (rows, tokens, vocabulary)")
            if kept is None:
                kept = _buffer(job, device)
            kept[:rows].copy_(logits)  # also waits for the accelerator
            say.put(area * job.answer, kept[:rows].numpy().data)
            answered += 1
            say.set(Say.answered, answered)


def _buffer(job: Job, device: torch.device) -> torch.Tensor:
    """For the logits of one request, on the judge's side of an accelerator; pinned, for that is five times as fast."""
    shape = (job.request // 4 // job.facts.context, job.facts.context, job.facts.vocabulary)
    return torch.empty(
        shape, dtype={"float32": torch.float32, "float16": torch.float16}[job.logits], pin_memory=device.type == "cuda"
    )


def _loaded(path: str) -> ModuleType:
    """The genome as a module, beside its other files. Raises _BadGenome for what it must have and has not."""
    place = Path(path).resolve()
    if not place.is_file():
        raise _BadGenome(f"there is no {place.name}: the file that defines class Model(facts) and train(session)")
    sys.path.insert(0, str(place.parent))
    spec = importlib.util.spec_from_file_location("genome", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["genome"] = module
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        raise _BadGenome(f"{place.name} line {error.lineno}: {error.msg}") from None
    except ModuleNotFoundError as error:
        raise _BadGenome(f"{place.name} imports {error.name}, which isn't there") from None
    for name in ("Model", "train"):
        if not callable(getattr(module, name, None)):
            raise _BadGenome(f"{place.name} has no {name}: a genome defines class Model(facts) and train(session)")
    return module


def _flops(model: torch.nn.Module, tokens: torch.Tensor) -> float:
    """Floating-point operations of one token, forward and backward (three times forward), by torch's own count."""
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    with counter:
        model(tokens)
    return 3.0 * counter.get_total_flops() / tokens.numel()


def _end(code: int, said: str) -> int:
    sys.stdout.flush()
    if said:
        print(said, file=sys.stderr)
    sys.stderr.flush()
    return code


if __name__ == "__main__":
    end = main(sys.argv[1])
    sys.stdout.flush()
    os._exit(end)  # threads that a genome has left must not keep the slot
