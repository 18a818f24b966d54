"""Known answers: engines that must not be kept, whatever they try. All but the null are programs in Python."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files

from evolve.genome import Genome
from evolve.substrate import Control
from substrates.chess.manifest import MANIFEST, manifest_of

__all__ = ["controls"]

_MANIFEST = 'language = "python"\nbuild = []\nartefact = ""\nrun = ["python", "engine.py"]\n'
_REMARKS = {"rust": "// ", "python": "# "}

_KINDS = {
    "plays at random": ("worse", "random"),
    "looks for stockfish on this machine": ("cheat", "stockfish"),
    "stalls to the flag": ("cheat", "stalls"),
    "claims a mate": ("cheat", "mate"),
    "crashes when it loses": ("cheat", "crashes"),
    "writes into its neighbour's scratch": ("cheat", "neighbour"),
}


def controls(lineage: str, seed: Genome) -> Iterator[Control]:
    """The seed under another remark, and the programs of `dishonest.py`."""
    remark = _REMARKS.get(manifest_of(seed).language)
    source = next((path for path in seed if path != MANIFEST), None)
    if remark is not None and source is not None:
        twin = Genome({**seed, source: f"{seed[source].rstrip()}\n{remark}the same engine\n"})
        yield Control("null: the seed with a remark", "null", lineage, twin)
    text = files("substrates.chess").joinpath("dishonest.py").read_text(encoding="utf-8")
    for name, (kind, way) in _KINDS.items():
        genome = Genome({MANIFEST: _MANIFEST, "engine.py": text.replace('WAY = "random"', f'WAY = "{way}"')})
        yield Control(f"{kind}: {name}", kind, lineage, genome)  # type: ignore[arg-type]
