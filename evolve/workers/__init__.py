"""Where trials run.

local.py   slots on this machine
usage.py   how their time was used
bench.py   a substrate's only door: trials in parallel, remembered, each computed once; programs in the sandbox
sandbox/   a hostile program under a hard clock
"""

from evolve.workers.bench import RecordedBench
from evolve.workers.local import LocalWorkers
from evolve.workers.sandbox import Sandbox
from evolve.workers.usage import Usage

__all__ = ["LocalWorkers", "RecordedBench", "Sandbox", "Usage"]
