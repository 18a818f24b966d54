"""Any bytes are an answer, or a sentence."""

from __future__ import annotations

import json
import time
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.llm.reply import Refused, Reply, Unusable, code, completion, listed, retry_after, words

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
names = st.sampled_from(
    ["choices", "message", "content", "usage", "error", "data", "id", "finish_reason", "refusal", "code"]
)
anything = st.recursive(scalars, lambda v: st.lists(v, max_size=3) | st.dictionaries(names, v), max_leaves=20)


@given(st.binary(max_size=200) | anything.map(lambda value: json.dumps(value).encode()))
def test_any_bytes(body: bytes) -> None:
    assert all(isinstance(name, str) and name.isprintable() for name in listed(body))
    assert isinstance(code(body), str)
    assert len(words(body)) <= 301
    assert words(body).isprintable()
    try:
        reply = completion(body)
    except Unusable as error:
        assert str(error)  # noqa: PT017
    else:
        assert isinstance(reply.text, str)


def of(text: object = "hello", why: str = "stop", **more: object) -> bytes:
    message = {"content": text, **more}
    usage = {"prompt_tokens": 3, "completion_tokens": 4}
    return json.dumps({"choices": [{"finish_reason": why, "message": message}], "usage": usage}).encode()


def test_what_it_says() -> None:
    reply = completion(of())
    assert (reply.text, reply.tokens, reply.cut) == ("hello", (3, 4), False)
    assert completion(of(why="length")).cut
    for nothing in ("", None):  # servers say it so or so
        assert completion(of(nothing, why="length")) == Reply("", (3, 4), cut=True)


@pytest.mark.parametrize("body", [of(None, refusal="I will not"), of("half an", why="content_filter")])
def test_refusals(body: bytes) -> None:
    with pytest.raises(Refused) as caught:
        completion(body)
    assert caught.value.tokens == (3, 4)


@pytest.mark.parametrize("body", [of(""), of(None), of(7), b"", b"<html>", b"[]", b"{}", of()[:40], b"[" * 10**5])
def test_nothing_in_it(body: bytes) -> None:
    with pytest.raises(Unusable):
        completion(body)


def test_an_answer_in_parts() -> None:
    parts = [{"type": "text", "text": "Say "}, {"type": "image"}, "odd", {"type": "text", "text": "yes."}]
    body = json.dumps({"choices": [{"message": {"content": parts}, "finish_reason": "stop"}]}).encode()
    assert completion(body).text == "Say yes."


def test_words() -> None:
    assert words(b'{"error": {"message": "too\\n long", "code": "x"}}') == "too long"
    assert words(b'{"detail": "no"}') == "no"
    assert words(b"<html>Bad gateway</html>") == "<html>Bad gateway</html>"
    assert words(b"") == "nothing"


@given(st.text(max_size=20))
def test_any_retry_after(said: str) -> None:
    seconds = retry_after({"retry-after": said})
    assert seconds is None or seconds >= 0


def test_retry_after() -> None:
    assert retry_after({"retry-after": "2.5"}) == 2.5
    assert retry_after({"retry-after": "inf"}) is None
    assert retry_after({}) is None
    date = retry_after({"retry-after": formatdate(time.time() + 60, usegmt=True)})
    assert date is not None
    assert 50 < date <= 60
