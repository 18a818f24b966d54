"""One trial by hand: python -m trainer GENOME --clock 60."""

from __future__ import annotations

import argparse
import ast
import importlib.util
import math
import os
import queue
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from trainer.constants import Constant, constants, with_constants
from trainer.corpus import SPLITS, Corpus, CorpusSettings, prepare
from trainer.errors import BadInput
from trainer.genome import identity, read
from trainer.launch import Bare
from trainer.outputs import Told, can_track, prepare_folder, summary, tracked, write
from trainer.plan import Plan
from trainer.scoring import windows
from trainer.trial import ENTRY, Watch, trial
from trainer.utilisation import device_name, mfu

__all__ = ["main"]

_LINES = 20
"""Progress lines of a training, about."""

_SHOWN = 15
"""Last lines of a log that are shown where there is no score."""

_ENDS = """
exit codes: 0 a score; 1 the genome has none, and why; 2 bad input; 130 stopped by Ctrl-C.
After a line `---` the score and what else is known stand on stdout, a key a line: grep '^val_bpb:'.
Everything else is on stderr. docs/training.md says how to write a genome and what the numbers mean."""


def main(argv: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(argv)
    try:
        return _run(options)
    except BadInput as error:
        _say(str(error))
        return 2
    except KeyboardInterrupt:
        _say("Stopped, with everything that it started.")
        return 130


def _run(options: argparse.Namespace) -> int:
    if importlib.util.find_spec("torch") is None:
        raise BadInput("torch isn't installed, and nothing can be trained without it: pip install -e '.[ml]'")
    settings = dict(options.set)
    files = read(options.genome)
    if settings:
        files[ENTRY] = with_constants(files[ENTRY], settings)
    name = identity(files, alone=options.genome.is_file())
    if options.track and not options.out:
        raise BadInput(f"--track {options.track} needs a folder for its files: --out DIR")
    if options.track:
        can_track()
    if options.out:
        prepare_folder(options.out)
    accelerator = device_name()
    plan = _plan(options, accelerator)
    corpus = _corpus(options)
    _check(corpus, options.split, plan)
    _say(Bare.said)
    with Bare.here() as launcher, _progress(plan.seconds) as watch:
        result = trial(files, corpus, options.split, plan, options.seed, launcher, options.cores, watch)
    device = (accelerator or "cuda") if plan.device == "cuda" else "cpu"
    told = Told(
        result,
        name,
        _depth(files[ENTRY]),
        mfu(result, accelerator) if plan.device == "cuda" else None,
        device,
        {**_plain(options), "corpus": corpus.digest},
        ", ".join(
            [*(f"{key}={value}" for key, value in settings.items()), f"{plan.seconds:g} s", f"seed {options.seed}"]
        ),
    )
    if options.out:
        write(options.out, told)
    if options.track:
        tracked(options.out / "tensorboard", f"{name[:7]}-seed{options.seed}", result)
    return _tell(told)


# -- what is asked ---------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m trainer",
        description="Trains a genome under a fixed clock and scores it: bits per byte of text it has not seen.",
        epilog=_ENDS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("genome", type=Path, metavar="GENOME", help=f"a Python file, or a folder with {ENTRY}")
    add("--clock", type=float, default=60.0, metavar="SECONDS", help="of training (60)")
    add(
        "--warmup",
        type=float,
        metavar="SECONDS",
        help="for the genome's own loading and compiling before it, at most (0 on a CPU, 240 on a GPU)",
    )
    add("--evaluation", type=float, default=60.0, metavar="SECONDS", help="for being scored after it, at most (60)")
    text = parser.add_argument_group("the text")
    add = text.add_argument
    add(
        "--text",
        default="stdlib",
        metavar="WHAT",
        help="stdlib (this Python's own library, the default), a folder, a file, or a folder that was prepared before",
    )
    add("--glob", default="**/*", help="which files of a folder (**/*)")
    add("--column", default="text", help="of parquet files, where the text is (text)")
    add("--tokens", default="bytes", help="bytes, or bpe:N for byte pairs with N tokens (bytes)")
    add("--split", choices=SPLITS[1:], default="validation", help="what is scored (validation)")
    add("--context", type=int, default=256, metavar="TOKENS", help="of a window that is scored (256)")
    add("--windows", type=int, default=256, help="how many are scored; 0: all (256)")
    add("--cache", type=Path, default=_cache(), metavar="DIR", help="for prepared text (%(default)s)")
    machine = parser.add_argument_group("the machine")
    add = machine.add_argument
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help="auto: an NVIDIA GPU where there is one")
    add("--cores", type=_count, default=_cores(), metavar="N", help="that the genome may use (%(default)s here)")
    add("--seed", type=_seed, default=0, help="of weights and batches (0)")
    add(
        "--set",
        type=_setting,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="another value for a constant of the genome, as DEPTH=4; may be given several times",
    )
    out = parser.add_argument_group("what is kept")
    add = out.add_argument
    add("--out", type=Path, metavar="DIR", help="a row in results.tsv there; curve.csv, summary.json and log.txt")
    add("--track", choices=("tensorboard",), help="curves in DIR/tensorboard")
    return parser


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is too few: give 1 or more")
    return value


def _seed(text: str) -> int:
    value = int(text)
    if not 0 <= value < 2**63:
        raise argparse.ArgumentTypeError(f"{value} is no seed: give 0 or more, below 2^63")
    return value


def _setting(text: str) -> tuple[str, Constant]:
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise argparse.ArgumentTypeError(f"{text!r} sets nothing: give NAME=VALUE, as DEPTH=4")
    try:
        found = ast.literal_eval(value)
    except (ValueError, SyntaxError):
        found = value  # the shell has taken the quotes
    return name, found if isinstance(found, int | float | str) else value


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "evolve-text"


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


_WARMUP = {"cpu": 0.0, "cuda": 240.0}
"""Seconds: on a processor nothing is worth compiling."""


def _plan(options: argparse.Namespace, accelerator: str | None) -> Plan:
    device = options.device
    able = "+cpu" not in metadata.version("torch")
    if device == "cuda" and not (accelerator and able):
        lacks = "no NVIDIA GPU was found (nvidia-smi says none)" if able else "the torch that is installed has no CUDA"
        raise BadInput(f"--device cuda: {lacks}; give --device cpu, or mend that")
    if device == "auto":
        device = "cuda" if accelerator and able else "cpu"
    warmup = options.warmup if options.warmup is not None else _WARMUP[device]
    try:
        return Plan(options.clock, warmup, options.evaluation, options.context, options.windows, device=device)
    except ValueError as error:
        raise BadInput(str(error).replace("seconds=", "clock=")) from None


def _corpus(options: argparse.Namespace) -> Corpus:
    folder = Path(options.text)
    if (folder / "about.json").is_file() and (folder / "sizes.npy").is_file():
        return Corpus.open(folder)
    settings = CorpusSettings(source=options.text, glob=options.glob, column=options.column, tokens=options.tokens)
    return prepare(settings, options.cache)


def _check(corpus: Corpus, split: str, plan: Plan) -> None:
    try:
        windows(corpus.split(split), plan.context, 1)
    except ValueError as error:
        raise BadInput(f"{error}: give more text, or a smaller --context") from None


def _plain(options: argparse.Namespace) -> dict[str, object]:
    values = {key: str(value) if isinstance(value, Path) else value for key, value in vars(options).items()}
    return {**values, "set": dict(options.set)}


def _depth(text: str) -> int | None:
    try:
        depth = constants(text).get("DEPTH")
    except BadInput:  # it does not compile, and the trial has said so
        return None
    return depth if isinstance(depth, int) else None


# -- what is told ----------------------------------------------------------------------------------


@contextmanager
def _progress(clock: float) -> Iterator[Watch]:
    """Prints in a thread of its own: a terminal that is held must not hold the bell."""
    told: queue.SimpleQueue[tuple[float, int, float] | None] = queue.SimpleQueue()

    def tell() -> None:
        due = 0.0
        while (seen := told.get()) is not None:
            seconds, steps, loss = seen
            if seconds >= due:
                due = seconds + clock / _LINES
                said = "" if math.isnan(loss) else f"   loss {loss:.3f} nats a token"
                _say(f"{seconds:6.0f} s {100 * seconds / clock:4.0f} %   step {steps:,}{said}")

    thread = threading.Thread(target=tell, daemon=True)
    thread.start()
    try:
        yield lambda *seen: told.put(seen)
    finally:
        told.put(None)
        thread.join(1.0)


def _tell(told: Told) -> int:
    result = told.result
    if result.status != "ok":
        _say(f"No score ({result.status}): {result.reason}")
        # Not from the first column: a genome may print what looks like our summary.
        lines = [f"  | {line}" for line in result.log.splitlines()[-_SHOWN:]]
        if lines:
            _say("\n".join(["The end of its log:", *lines]))
        return 1
    if not result.returned:
        share = f"{100 * result.saved_share:.0f} %"
        _say(f"train() had not returned at the bell: scored were the weights that it had after {share} of its steps.")
    print(summary(told), flush=True)
    return 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does: with all that it started
    sys.exit(main())
