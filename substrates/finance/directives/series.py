"""The names that directives may speak of: macro series, sectors, months; and the unit of each.

A series has a name in the panel (`credit_spread`) and a phrase in English (`credit spread`). The unit says
how its level is written: `percent` (0.01 is "1 %"), `points` (0.30 is "30", as the VIX is quoted) or
`price` (as it is).
"""

from __future__ import annotations

import re
from typing import Literal

Unit = Literal["percent", "points", "price", "plain"]

PHRASES: dict[str, str] = {
    "treasury_3m": "3-month yield",
    "treasury_6m": "6-month yield",
    "treasury_1y": "1-year yield",
    "treasury_2y": "2-year yield",
    "treasury_5y": "5-year yield",
    "treasury_10y": "10-year yield",
    "treasury_30y": "30-year yield",
    "term_spread": "10-year minus 3-month spread",
    "oil": "oil",
    "gold": "gold",
    "vix": "VIX",
    "credit_spread": "credit spread",
    "inflation": "inflation",
    "index": "index",
}
UNITS: dict[str, Unit] = {"oil": "price", "gold": "price", "index": "price", "vix": "points"}
BARE = frozenset({"oil", "gold", "inflation"})  # English uses no article before these
FAMILIES = ("factor", "industry")  # `factor_momentum` reads "momentum factor"

SECTORS = (  # GICS, 2023
    "Communication Services",
    "Consumer Discretionary",
    "Consumer Staples",
    "Energy",
    "Financials",
    "Health Care",
    "Industrials",
    "Information Technology",
    "Materials",
    "Real Estate",
    "Utilities",
)
_SECTOR_ALIASES = {"technology": "Information Technology", "healthcare": "Health Care"}
_SECTORS = {name.lower(): name for name in SECTORS} | _SECTOR_ALIASES

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip

_FAMILY_NAME = re.compile(r"(factor|industry)_[a-z]+(_[a-z]+){0,3}")
_FAMILY_PHRASE = re.compile(r"(?P<words>[a-z]+(?: [a-z]+){0,3}) (?P<family>factor|industry)")


def is_series(name: str) -> bool:
    """Whether a directive may speak of the panel series `name`."""
    return name in PHRASES or _FAMILY_NAME.fullmatch(name) is not None


def unit_of(name: str) -> Unit:
    """The unit of the level of a series; what is not listed is a rate or a return, in percent."""
    return UNITS.get(name, "percent")


def phrase_of(name: str) -> str:
    """English for a series, with its article: `the credit spread`, `oil`, `the momentum factor`."""
    if name in PHRASES:
        return PHRASES[name] if name in BARE else f"the {PHRASES[name]}"
    family, words = name.split("_", 1)
    return f"the {words.replace('_', ' ')} {family}"


def series_of(phrase: str) -> str:
    """The series that an English phrase (without article) names. KeyError when there is none."""
    lowered = phrase.lower()
    for name, known in PHRASES.items():
        if known.lower() == lowered:
            return name
    found = _FAMILY_PHRASE.fullmatch(lowered)
    if found is None:
        raise KeyError(phrase)
    return f"{found['family']}_{found['words'].replace(' ', '_')}"


def phrase_pattern() -> str:
    """A regular expression (to be read without case) that matches every phrase, longest first."""
    fixed = sorted(PHRASES.values(), key=len, reverse=True)
    family = rf"(?!the )[a-z]+( [a-z]+){{0,3}} ({'|'.join(FAMILIES)})"
    return rf"({'|'.join(map(re.escape, fixed))}|{family})\b"


def sector_name(text: str) -> str:
    """The canonical spelling of a sector: GICS where it is known, else as written."""
    return _SECTORS.get(text.lower(), text)
