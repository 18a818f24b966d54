"""The walls of the house, from the imports."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOMAINS = {"substrates", "populations", "trainer"}
DOORS = {"evolve.substrate", "evolve.genome", "evolve.errors", "evolve.llm"}


def imports(path: Path) -> list[str]:
    """Full names of what a module imports, `from a import b` as a.b only where b is a module of ours."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            found += [name if _is_module(name) else node.module for name in inner]
        elif isinstance(node, ast.ImportFrom):
            pytest.fail(f"{path}: a relative import hides from this test; name the module in full")
    return found


def _is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def modules(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("path", modules("evolve"), ids=lambda p: p.relative_to(ROOT).as_posix())
def test_the_engine_knows_no_domain(path: Path) -> None:
    assert [name for name in imports(path) if name.split(".")[0] in DOMAINS] == []


@pytest.mark.parametrize("path", modules("substrates"), ids=lambda p: p.relative_to(ROOT).as_posix())
def test_a_substrate_uses_its_doors_alone(path: Path) -> None:
    engine = [name for name in imports(path) if name.split(".")[0] == "evolve"]
    assert [name for name in engine if not any(name == d or name.startswith(d + ".") for d in DOORS)] == []


def test_a_substrate_imports_no_other_substrate() -> None:
    for path in modules("substrates"):
        own = path.relative_to(ROOT / "substrates").parts[0]
        others = [n for n in imports(path) if n.startswith("substrates.") and n.split(".")[1] != own]
        assert others == [], path


@pytest.mark.parametrize("path", modules("trainer"), ids=lambda p: p.relative_to(ROOT).as_posix())
def test_the_trainer_stands_alone(path: Path) -> None:
    assert [name for name in imports(path) if name.split(".")[0] in (DOMAINS | {"evolve"}) - {"trainer"}] == []


def test_populations_hold_no_code_but_genomes() -> None:
    """Programs lie a folder a lineage, below `populations/DOMAIN/KIND/`; nothing of theirs is ever imported."""
    found = [p.relative_to(ROOT / "populations").parts for p in modules("populations") if p.name != "__init__.py"]
    assert {parts[0] for parts in found} <= {"rendering", "ml", "chess"}
    assert all(len(parts) >= (3 if parts[0] == "ml" else 4) for parts in found)


def test_a_toy_domain_costs_under_60_lines() -> None:
    assert len((ROOT / "tests" / "toy.py").read_text(encoding="utf-8").splitlines()) < 60


def test_a_run_without_a_model_waits_for_no_sdk() -> None:
    code = (
        "import sys, evolve.cli.launch, evolve.mutators; print([m for m in ('openai', 'httpx2') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
