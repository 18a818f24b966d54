"""The offline mutator for code: what it answers parses, is new, and was edited where it may be."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytest.importorskip("tree_sitter", reason="the offline mutator for code: pip install -e '.[code]'")

from evolve.mutators.genetic import Genetic
from evolve.testing import MutatorConformance
