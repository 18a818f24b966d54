"""One program over base and genome: the copy is a trial's own, the base is laid anew each time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evolve.genome import Genome
from evolve.substrate import Bench, Limits, Ran

__all__ = ["Bed", "tail"]

# Arguments: base, genome, the command, then the files that the genome has removed. The base is read-only, so that its
# copy has to be opened up; writing into an existing file keeps its mode, so that a script stays executable.
_PROLOGUE = """
set -e
base=$1; genome=$2; command=$3; shift 3
cp -dR "$base"/. .
find . -mindepth 1 ! -type l ! -perm -u+w -exec chmod u+w {} +
for file in "$@"; do rm -f -- "./$file"; done
cp -R "$genome"/. .
chmod -f u+w . || true
exec /bin/sh -c "$command"
"""

_TAIL = 2000
"""Characters of a log that a mutator reads: a compiler's last words, not its whole speech (a convention)."""


@dataclass(frozen=True)
class Bed:
    """Where genomes are laid. `visible`: what else of the host the commands may read."""

    base: Path
    visible: Sequence[Path]
    environment: Mapping[str, str]
    output: str | None

    def run(
        self,
        command: str,
        genome: Genome,
        removed: Sequence[str],
        bench: Bench,
        limits: Limits,
        seed: int,
        also: Sequence[Path] = (),
    ) -> Ran:
        """`command` in the root of a fresh copy. Equal seeds for those who are compared."""
        laid = _laid(genome, bench.scratch)
        environment = {
            "LANG": "C.UTF-8",
            # Of the pair: a program whose speed hangs on the order of its sets meets the same order twice.
            "PYTHONHASHSEED": str(seed),
            "PYTHONDONTWRITEBYTECODE": "1",
            "EVOLVE_SEED": str(seed),
            **self.environment,
        }
        return bench.run(
            ["/bin/sh", "-c", _PROLOGUE, "trial", str(self.base), str(laid), command, *removed],
            limits,
            keep=[] if self.output is None else [self.output],
            visible=[self.base, laid, *self.visible, *also],
            environment=environment,
        )


def _laid(genome: Genome, scratch: Path) -> Path:
    """The genome's files in a folder of the judge's, once a held slot."""
    place = scratch / genome.digest
    if not place.exists():
        half = scratch / f"{genome.digest}.half"
        half.mkdir(mode=0o755, exist_ok=True)
        for path, text in genome.items():
            target = half / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(text.encode())
        half.rename(place)
    return place


def tail(ran: Ran) -> str:
    """The end of what a program said, errors last."""
    said = b"\n".join(part.strip() for part in (ran.stdout, ran.stderr) if part.strip())
    return said[-4 * _TAIL :].decode("utf-8", "replace")[-_TAIL:]
