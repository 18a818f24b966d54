"""Language models: one client for every OpenAI-compatible server, its budget, its memory, and a small local model.

types.py          Request, Answer, and the protocol LLM that mutators and domains see
conversation.py   an answer that is wrong goes back once, with what is wrong with it
secrets.py        what must never leave this machine or be recorded
connect.py        from settings to an LLM, or one clear sentence; not imported here: the SDK takes half a second
client.py         the LLM of a run: what is known, shared, kept, recorded
answers.py        answers on disk, for every run beside a ledger
line.py           the way of a request: its turn, the budget, the gate, and again where that helps
budget.py         what calls cost, and the caps on it
gate.py           whether the server can be asked
wire.py           one request over the network, and what its outcome means
reply.py          what a server's bytes say
loop.py           the event loop's thread
local.py          a small model on this machine; local_server.py is its own process
"""

from evolve.llm.types import LLM, Answer, Call, Failed, Message, Overlong, Record, Request

__all__ = ["LLM", "Answer", "Call", "Failed", "Message", "Overlong", "Record", "Request"]
