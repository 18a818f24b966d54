"""The local model's own process: loads it, serves it on a free port of this machine, ends with whoever started it.

Run as a file (`python -P local_server.py FILE NAME CONTEXT SLOTS THREADS`), so that nothing of evolve is loaded beside
the model. One JSON line on standard output once it can be asked; the log goes to standard error.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
import threading
from urllib.parse import urlsplit


def _end_with_parent() -> None:
    """Standard input is a pipe whose other end the parent holds, and lets go however it ends."""
    os.read(0, 1)
    os._exit(0)


def _slot_context(address: str) -> int:
    """Tokens of one request, as the server took it: a model has a most."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=30)
    try:
        connection.request("GET", "/v1/models")
        return int(json.load(connection.getresponse())["data"][0]["meta"]["n_ctx"])
    finally:
        connection.close()


def main(gguf: str, name: str, context: int, slots: int, threads: int) -> None:
    told = os.dup(1)
    os.dup2(2, 1)  # whatever native code prints
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = gguf
    params.model_alias = {name}
    params.n_parallel = slots
    params.n_ctx = context * slots  # llama.cpp divides it among the slots
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    # The same request gives the same text only where a prompt is always computed as a whole.
    params.cache_prompt = params.cache_idle_slots = False
    params.cache_ram_mib = 0
    params.cors_origins = "http://127.0.0.1"  # not every page in a browser
    params.endpoint_slots = params.ui = False
    # On processors its flash attention converts every key and value of 16 bits, again and again: 30 s for 1,090 tokens
    # and 64 of an answer, 8 s without it (SmolLM2-135M, two cores).
    params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    params.verbosity = 2  # warnings and errors
    try:
        server = xllamacpp.Server(params)
    except RuntimeError:  # the log says it better
        os._exit(1)
    address = server.listening_address
    os.write(told, json.dumps({"url": f"{address}/v1", "context": _slot_context(address)}).encode() + b"\n")
    threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
