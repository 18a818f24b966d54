"""A genome's engine: built in the sandbox once, started in the sandbox for every game."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from evolve.genome import Genome
from evolve.substrate import Bench, Limits, Status
from substrates.chess.manifest import MANIFEST, manifest_of
from substrates.chess.uci import Limit, Player

__all__ = ["Builder", "Contestant", "Wrong"]

_KEPT, _LARGEST = 64, 16 << 20
"""Built programs that are held, those of the lineages and of the contests in flight; and bytes of one: a hundred times
what the seeds have, and half of the folder that it plays in."""

_HASH_MB = 16


class Wrong(Exception):
    """The genome failed. `status`: invalid, crash, timeout or refused; `said`: what the mutator may read of it."""

    def __init__(self, status: Status, reason: str, **said: object) -> None:
        super().__init__(reason)
        self.status, self.reason, self.said = status, reason, said


@dataclass(frozen=True)
class Contestant:
    """Who plays: the program, and what a move of it may take. `trusted`: ours, whose faults are the machine's."""

    name: str
    argv: Sequence[str]
    limit: Limit
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    options: Mapping[str, str | int] = field(default_factory=dict)
    visible: Sequence[Path] = ()
    hidden: Sequence[Path] = ()
    trusted: bool = False
    memory_mb: int = 512

    def seated(self, bench: Bench, seconds: float) -> Player:
        """Started and ready, for at most `seconds`. Raises Fault. Its `close` ends it."""
        limits = Limits(
            seconds,
            memory_mb=self.memory_mb,
            processes=8,
            children=False,  # their CPU time could be hidden from who looks for pondering
            file_mb=16,
            scratch_mb=32,
            output_kb=16,
            tail_kb=4,
        )
        running = bench.start(self.argv, limits, files=self.files, visible=self.visible, hidden=self.hidden, talks=True)
        player = Player(running, self.name)
        try:
            player.handshake(self.options, self.limit.patience + 10.0)
        except BaseException:
            player.close()
            raise
        return player


class Builder:
    """Genomes to contestants; each is built once while this lives."""

    def __init__(self, limit: Limit, seconds: float, memory_mb: int, hidden: Sequence[Path]) -> None:
        self._seconds, self._memory_mb = seconds, memory_mb
        self._hidden = tuple(hidden)
        self._make = partial(Contestant, limit=limit, hidden=self._hidden, memory_mb=memory_mb)
        self._built: dict[str, Contestant] = {}
        self._lock = threading.Lock()

    def contestant(self, genome: Genome, bench: Bench) -> Contestant:
        """Raises Wrong where it cannot be built."""
        with self._lock:
            known = self._built.get(genome.digest)
        if known is None:
            known = self._build(genome, bench)
            size = sum(len(content) for content in known.files.values())
            if size > _LARGEST:
                raise Wrong("invalid", f"it has {size:,} bytes; {_LARGEST:,} at most")
            with self._lock:
                if len(self._built) >= _KEPT:
                    self._built.pop(next(iter(self._built)))
                self._built[genome.digest] = known
        return known

    def _build(self, genome: Genome, bench: Bench) -> Contestant:
        name = genome.digest[:10]
        try:
            manifest = manifest_of(genome)
        except ValueError as error:
            raise Wrong("invalid", str(error)) from None
        sources: dict[str, str | bytes] = {path: text for path, text in genome.items() if path != MANIFEST}
        if not manifest.build:
            return self._make(name, manifest.command, files=sources)
        # Not the memory of a game: a compiler wants more.
        limits = Limits(
            self._seconds, memory_mb=max(2048, self._memory_mb), processes=64, file_mb=64, scratch_mb=256, output_kb=16
        )
        # What is hidden when it plays is so now: a compiler could put it into the program.
        ran = bench.run(manifest.building, limits, files=sources, keep=[manifest.artefact], hidden=self._hidden)
        if ran.status == "timeout":
            raise Wrong("timeout", f"building took more than {self._seconds:g} s")
        if not ran.ok or manifest.artefact not in ran.files:
            log = ran.stderr.decode("utf-8", "replace")[:3000]
            raise Wrong("invalid", f"it does not build: {_first_error(log) or ran.reason}", log=log)
        # Its sources stay away: a program needs none.
        return self._make(name, manifest.command, files={manifest.artefact: ran.files[manifest.artefact]})


def _first_error(log: str) -> str:
    return next((line.strip() for line in log.splitlines() if line.lstrip().startswith("error")), "")
