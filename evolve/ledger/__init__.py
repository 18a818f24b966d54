"""Git is the only ledger: a journal a run, a commit an attempt, a branch a lineage.

objects.py      git objects by hashlib: ids and bytes, nothing written
packs.py        pack files, written whole and durably
repository.py   the bare repository: made, opened, locked, read in batches, its refs moved
entries.py      what a ledger holds
writer.py       one run's writer; moving its journal's ref is the commit point
reader.py       reading back, without a lock
"""

from evolve.ledger.entries import Attempt, Entry, Record
from evolve.ledger.reader import attempts, branches, compact, files_of, genome_of, journal, parents, runs
from evolve.ledger.repository import LedgerError, RunTaken
from evolve.ledger.writer import Ledger, check_name

__all__ = [
    "Attempt",
    "Entry",
    "Ledger",
    "LedgerError",
    "Record",
    "RunTaken",
    "attempts",
    "branches",
    "check_name",
    "compact",
    "files_of",
    "genome_of",
    "journal",
    "parents",
    "runs",
]
