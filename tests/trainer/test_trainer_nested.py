"""A text that is made to break its reader."""

from __future__ import annotations

import pytest

from trainer.constants import constants
from trainer.errors import BadInput


@pytest.mark.parametrize("text", ["x = " + "-" * 100_000 + "1", "x = " + "+".join(["1"] * 100_000)])
def test_what_is_nested_too_deeply_is_bad_input(text: str) -> None:
    with pytest.raises(BadInput, match="nested too deeply"):
        constants(text)
