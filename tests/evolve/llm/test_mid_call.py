"""Killed in the middle of a call and gone on with, a run pays for nothing twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from evolve.testing import ScriptedServer

PROGRAM = """
import json, os, sys
from pathlib import Path
from evolve.config import LLMSettings
from evolve.llm import Message, Request
from evolve.llm.connect import connect

url, ledger = sys.argv[1], Path(sys.argv[2])
lines = ledger.read_text().splitlines() if ledger.exists() else []
known = {key: call for key, call in map(json.loads, lines)}
llm = connect(LLMSettings(base_url=url, models=["scripted"], cache=False), Path)

def record(key, call, seconds):
    with ledger.open("a") as file:
        file.write(json.dumps([key, call]) + "\\n")
        os.fsync(file.fileno())

llm.attach(known, record, print)
for seed in range(6):
    print(llm.ask(Request((Message("user", "Say hello."),), seed=seed)).text, flush=True)
llm.close()
"""


def test_a_killed_run_pays_for_nothing_twice(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"

    def script(request: dict[str, Any], number: int) -> str:
        if number == 3:
            os.kill(child.pid, signal.SIGKILL)
            child.wait(60)
        return f"answer to {request['seed']}"

    with ScriptedServer(script) as server:
        command = [sys.executable, "-c", PROGRAM, server.base_url, str(ledger)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert child.wait(120) == -signal.SIGKILL
        deadline = time.monotonic() + 60
        while len(server.requests) < 4 and time.monotonic() < deadline:
            time.sleep(0.01)
        again = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert again.stdout.splitlines() == [f"answer to {seed}" for seed in range(6)]
    # The one that was cut is asked again: nobody can know what its answer was.
    assert [request["seed"] for request in server.requests] == [0, 1, 2, 3, 3, 4, 5]
    assert len(ledger.read_text().splitlines()) == 6
    assert all(json.loads(line)[1]["paid"] for line in ledger.read_text().splitlines())
