"""Language models: one client for every OpenAI-compatible server, its budget, its memory, and a small local model.

types.py          Request, Answer, and the protocol LLM that mutators and domains see
conversation.py   an answer that is wrong goes back once, with what is wrong with it
secrets.py        what must never leave this machine or be recorded
connect.py        from settings to an LLM, or one clear sentence
"""

from evolve.llm.connect import connect
from evolve.llm.types import LLM, Answer, Call, Failed, Message, Record, Request

__all__ = ["LLM", "Answer", "Call", "Failed", "Message", "Record", "Request", "connect"]
