"""Where trials run.

local.py   slots on this machine
bench.py   a substrate's only door: trials in parallel, remembered, each computed once
"""

from evolve.workers.bench import RecordedBench
from evolve.workers.local import LocalWorkers

__all__ = ["LocalWorkers", "RecordedBench"]
