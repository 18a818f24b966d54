"""What is told of a trial: the summary that people know, tables, and curves."""

from __future__ import annotations

import csv
import importlib.util
import json
import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from trainer.errors import BadInput
from trainer.result import Result

__all__ = ["Told", "can_track", "prepare_folder", "summary", "tracked", "write"]

_COLUMNS = ("commit", "val_bpb", "memory_gb", "status", "description")
"""Those of autoresearch's results.tsv."""


@dataclass(frozen=True)
class Told:
    """A trial and what is known besides. `genome`: its id in git; `depth`: the genome's constant DEPTH; `mfu`: 0 to 1;
    `settings`: how it was called, as JSON values; `description`: one line."""

    result: Result
    genome: str
    depth: int | None = None
    mfu: float | None = None
    device: str = "cpu"
    settings: Mapping[str, Any] | None = None
    description: str = ""


def summary(told: Told) -> str:
    """Autoresearch's keys after a line of dashes, one a line; each is a number. `mfu_percent` is nan where it is not
    known, `peak_vram_mb` is the memory of the process on a CPU, `depth` is left out where the genome has none.

    Only of a trial with a score: who looks for `val_bpb:` must not find one that isn't there.
    """
    result = told.result
    rows = [
        ("val_bpb", f"{result.bits_per_byte:.6f}"),
        ("training_seconds", f"{result.training:.1f}"),
        ("total_seconds", f"{result.total:.1f}"),
        ("peak_vram_mb", f"{result.peak_mb:.1f}"),
        ("mfu_percent", f"{100 * (math.nan if told.mfu is None else told.mfu):.2f}"),
        ("total_tokens_M", f"{result.tokens / 1e6:.3f}"),
        ("num_steps", f"{result.steps}"),
        ("num_params_M", f"{result.parameters / 1e6:.3f}"),
    ]
    if told.depth is not None:
        rows.append(("depth", f"{told.depth}"))
    return "\n".join(["---", *(f"{key + ':':<18}{value}" for key, value in rows)])


def prepare_folder(folder: Path) -> None:
    """It is there, and a row can be added to its results.tsv. Raises BadInput."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "results.tsv").open("a+", encoding="utf-8") as file:
            file.seek(0)
            first = file.readline().rstrip("\n")
            if not first:
                file.write("\t".join(_COLUMNS) + "\n")
    except OSError as error:
        raise BadInput(f"nothing can be written into {folder} ({error.strerror}): give another folder") from None
    if first and first.split("\t") != list(_COLUMNS):
        raise BadInput(
            f"{folder / 'results.tsv'} has other columns ({first}): its rows would not fit; give another folder"
        )


def write(folder: Path, told: Told) -> None:
    """A row in results.tsv; curve.csv, summary.json and log.txt of this trial instead of an earlier one's."""
    result = told.result
    score = "" if result.bits_per_byte is None else f"{result.bits_per_byte:.6f}"
    said = " ".join((told.description if result.status == "ok" else result.reason).split())
    with (folder / "results.tsv").open("a", encoding="utf-8", newline="") as file:
        row = [told.genome[:7] or "-", score, f"{result.peak_mb / 1024:.1f}", result.status, said]
        csv.writer(file, delimiter="\t", lineterminator="\n").writerow(row)
    with (folder / "curve.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("seconds", "step", "loss_nats_per_token"))
        writer.writerows(result.curve)
    fields = asdict(result)
    log = fields.pop("log")
    del fields["curve"]
    more = {"tokens_per_second": result.tokens_per_second, "mfu": told.mfu, "depth": told.depth}
    value = {"genome": told.genome, "device": told.device, **fields, **more, "settings": told.settings or {}}
    (folder / "summary.json").write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "log.txt").write_text(log + "\n" if log else "", encoding="utf-8", errors="replace")


def can_track() -> None:
    """Raises BadInput where tensorboardX is missing."""
    if importlib.util.find_spec("tensorboardX") is None:
        raise BadInput(
            "curves in TensorBoard's format need tensorboardX, which isn't installed: pip install -e '.[ml]'"
        )


def tracked(folder: Path, name: str, result: Result) -> None:
    """Event files for TensorBoard in `folder/name`: the training loss over steps, and over seconds as its wall time;
    at the end the score. Raises BadInput where tensorboardX is missing."""
    can_track()
    from tensorboardX import SummaryWriter

    began = time.time() - result.training
    with SummaryWriter(str(folder / name)) as writer:
        for seconds, step, loss in result.curve:
            writer.add_scalar("loss/train_nats_per_token", loss, step, walltime=began + seconds)
        end = began + result.training
        if result.bits_per_byte is not None:
            writer.add_scalar("val_bpb", result.bits_per_byte, result.steps, walltime=end)
        writer.add_scalar("tokens_per_second", result.tokens_per_second, result.steps, walltime=end)
