"""No key leaves in a text."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from evolve.llm.secrets import scrub, secrets_of

long = st.text(min_size=8, max_size=30)


def test_names_say_what_is_secret() -> None:
    environ = {
        "OPENAI_API_KEY": "a-long-one",
        "github_token": "another-one",
        "DB_PASSWORD": "third-long-one",
        "AWS_CREDENTIALS": "fourth-long",
        "MY_SECRETS": "fifth-long",
        "KEY": "short",
        "HOME": "/home/somebody",
    }
    assert secrets_of(environ) == {"a-long-one", "another-one", "third-long-one", "fourth-long", "fifth-long"}


def test_the_longer_one_goes_first() -> None:
    assert scrub("x 12345678-90 y 12345678", {"12345678", "12345678-90"}) == "x [secret] y [secret]"


@given(long, st.text(), st.text())
def test_a_secret_is_gone(secret: str, before: str, after: str) -> None:
    scrubbed = scrub(before + secret + after, [secret])
    assert secret not in scrubbed.replace("[secret]", "\0")


@given(long, st.lists(st.booleans(), min_size=30, max_size=30), st.booleans())
def test_a_secret_that_json_would_give_back_is_gone(secret: str, escaped: list[bool], upper: bool) -> None:
    def written(sign: str) -> str:
        units = sign.encode("utf-16-be", "surrogatepass").hex()
        units = units.upper() if upper else units
        return "".join(f"\\u{units[i : i + 4]}" for i in range(0, len(units), 4))

    text = "".join(
        written(sign) if all_of_it else json.dumps(sign)[1:-1] for sign, all_of_it in zip(secret, escaped, strict=False)
    )
    assert secret not in json.loads(scrub(f'"so: {text}."', [secret])).replace("[secret]", "\0")


@given(st.text(), st.lists(st.text(max_size=7)))
def test_short_values_tear_no_holes(text: str, secrets: list[str]) -> None:
    assert scrub(text, secrets) == text
