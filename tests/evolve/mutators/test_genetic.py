"""The offline mutator for code: what it answers parses, is new, lies where it may, and is learnt from."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from code_genomes import CODE, MARKED, PYTHON, RUBY, RUST, code_brief
from hypothesis import given
from hypothesis import strategies as st
from toy import Toy

from evolve import components
from evolve.config import AcceptanceSettings, Method, MutatorSettings, RunSettings, Settings
from evolve.errors import UsageError
from evolve.genome import Genome, Globs
from evolve.mutators import Workshop
from evolve.run import Run
from evolve.substrate import Attempt, Bench, Brief, Case, Control, Duel, Outcome, Rewrite
from evolve.testing import MutatorConformance
from evolve.workers import LocalWorkers

if find_spec("tree_sitter") is None:
    words = "the offline mutator for code needs tree-sitter: pip install -e '.[code]'"
    if os.environ.get("EVOLVE_NO_SKIPS"):
        pytest.fail(words, pytrace=False)
    pytest.skip(words, allow_module_level=True)

from evolve.mutators.genetic import Genetic
from evolve.mutators.genetic.kinds import KINDS, sites
from evolve.mutators.genetic.languages import LANGUAGES, language_of
from evolve.mutators.genetic.marks import Marks, marks
from evolve.mutators.genetic.numbers import numbers
from evolve.mutators.genetic.source import Source, is_sound, source_of

ROOT = Path(__file__).parents[3]


def genetic() -> Genetic:
    return Genetic(Toy(), MutatorSettings())


def answer(brief: Brief, seed: int, mutator: Genetic | None = None) -> Rewrite:
    [rewrite] = (mutator or genetic()).rewrite(brief, np.random.default_rng(seed))
    return rewrite


def changed(before: Genome, after: Genome) -> set[str]:
    return {path for path in {*before, *after} if before.get(path) != after.get(path)}


def closed(brief: Brief, rewrite: Rewrite, verdict: str, effect: float | None = None) -> Attempt:
    duel = Duel() if effect is None else Duel(1, effect, effect * effect)
    return Attempt(
        brief.lineage, 0, rewrite.genome, brief.parent, rewrite, Outcome("ok", 1.0), duel, 0.05, verdict
    )  # fmt: skip


class TestGenetic(MutatorConformance):
    make = staticmethod(lambda: (genetic(), code_brief()))


class TestGeneticOnMarks(MutatorConformance):
    make = staticmethod(lambda: (genetic(), code_brief(Genome({"agent.py": MARKED}))))


# -- what an answer is ---------------------------------------------------------------------------


@given(st.integers(0, 2**32), st.sets(st.sampled_from(sorted(CODE)), min_size=1))
def test_every_answer_parses_differs_and_lies_where_it_may(seed: int, editable: set[str]) -> None:
    brief = code_brief(editable=tuple(sorted(editable)))
    for rewrite in genetic().rewrite(brief, np.random.default_rng(seed)):
        assert rewrite.genome != CODE
        assert changed(CODE, rewrite.genome) <= editable - {"README.md"}
        assert all(is_sound(path, rewrite.genome[path]) for path in changed(CODE, rewrite.genome))
        assert rewrite.screened == 1
        assert "\n" not in rewrite.hypothesis
        assert set(rewrite.kind.split("+")) <= {*KINDS, "function", "cma"}


def test_files_of_unknown_languages_are_left_alone() -> None:
    brief = code_brief(Genome({"notes.txt": "x = 1\n", "agent.ex": "x = 1\n"}))
    assert genetic().rewrite(brief, np.random.default_rng(0)) == []


def test_a_file_that_does_not_parse_is_left_alone() -> None:
    brief = code_brief(Genome({"agent.py": "def f(:\n", "b.py": "x = 1\n"}))
    assert changed(brief.parent, answer(brief, 0).genome) == {"b.py"}


def test_nothing_is_answered_twice_and_nothing_at_the_end() -> None:
    """`tried` grows until no edit is left; the same genome never comes back."""
    genome = Genome({"agent.py": "def f(x):\n    return x\n"})
    tried: set[str] = {genome.digest}
    for seed in range(200):
        found = genetic().rewrite(code_brief(genome, tried=frozenset(tried)), np.random.default_rng(seed))
        if not found:
            break
        assert found[0].genome.digest not in tried
        tried.add(found[0].genome.digest)
    else:
        pytest.fail("it still finds something new")
    assert len(tried) > 1


def test_a_hypothesis_says_what_and_where() -> None:
    said = [answer(code_brief(editable=("agent.py",)), seed) for seed in range(80)]
    one = [r.hypothesis for r in said if r.kind == "delete"]
    assert one
    assert all(h.startswith("deletes `") and " in agent.py:" in h for h in one)
    assert any(h.endswith("function Counter.run") for h in one)


def test_some_answers_hold_several_edits() -> None:
    many = Counter(len(answer(code_brief(), seed).kind.split("+")) for seed in range(120))
    assert many[1] > many[2] > 0
    assert max(many) <= 4


def test_equal_streams_give_equal_answers_in_whatever_order_they_are_asked() -> None:
    mutator, brief = genetic(), code_brief()
    one_by_one = [answer(brief, seed, mutator) for seed in range(24)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda seed: answer(brief, seed, mutator), reversed(range(24))))
    assert together == one_by_one[::-1]


def test_hot_functions_are_edited_more_often() -> None:
    hot = Outcome("ok", 1.0, evidence={"hot": {"agent.py:words": 1.0}})
    brief = code_brief(editable=("agent.py",))

    def share(b: Brief) -> int:
        return sum("function words" in answer(b, seed).hypothesis for seed in range(60))

    assert share(replace(brief, outcome=hot)) > 1.5 * share(brief)


def test_a_profile_that_makes_no_sense_is_passed_over() -> None:
    for hot in ({"agent.py:gone": 1.0}, {"agent.py:words": "much"}, {}, 3, {"agent.py:words": -1.0}):
        assert answer(code_brief(outcome=Outcome("ok", 1.0, evidence={"hot": hot})), 1)


def test_what_was_discarded_is_seldom_tried_again() -> None:
    genome = Genome({"agent.py": "def f(x):\n    y = 1\n    return x\n"})
    brief = code_brief(genome)
    again = "deletes `y = 1` in agent.py:2, function f"
    past = tuple(closed(brief, Rewrite(genome, again, kind="delete"), "discard") for _ in range(30))

    def times(b: Brief) -> int:
        return sum(answer(b, seed).hypothesis == again for seed in range(150))

    assert times(brief) > 2
    assert times(replace(brief, past=past)) < times(brief)


# -- crossover -----------------------------------------------------------------------------------


def test_a_function_is_taken_over_from_a_donor_with_what_it_needs() -> None:
    other = PYTHON.replace("LIMIT = 40\n", "LIMIT = 40\n_SKIP = {1, 2}\n").replace(
        'if word in ["a", "the"]:', "if len(word) in _SKIP:"
    )
    brief = code_brief(Genome({"agent.py": PYTHON}), donors={"b": Genome({"agent.py": other}), "c": CODE})
    found = [answer(brief, seed) for seed in range(150)]
    taken = [r for r in found if r.kind == "function"]
    assert taken
    assert {r.donors for r in taken} == {("b",)}  # c has no other body
    assert "takes over the function words of b" in taken[0].hypothesis
    text = taken[0].genome["agent.py"]
    assert "if len(word) in _SKIP:" in text
    assert text.index("_SKIP = {1, 2}") < text.index("def words")
    assert all(r.donors == () for r in found if "function" not in r.kind)


# -- learning ------------------------------------------------------------------------------------


def learnt(kind: str) -> Genetic:
    mutator, brief = genetic(), code_brief()
    for i in range(40):
        for name in (*KINDS, "function", "cma"):
            kept = name == kind and i % 2 == 0
            mutator.learn([closed(brief, Rewrite(CODE, "h", kind=name), "keep" if kept else "discard", 1.0)])
    return mutator


def test_kinds_that_worked_are_drawn_more_often_and_none_dies() -> None:
    naive = Counter(answer(code_brief(), seed).kind for seed in range(200))
    taught = learnt("operator")
    after = Counter(answer(code_brief(), seed, taught).kind for seed in range(200))
    assert after["operator"] > 3 * naive["operator"]
    assert len(after) > 8


def test_a_crash_earns_nothing() -> None:
    mutator, brief = genetic(), code_brief()
    for verdict in ("crash", "timeout", "refused", "invalid", "undecided", "discard"):
        mutator.learn([closed(brief, Rewrite(CODE, "h", kind="swap+number"), verdict)])
    assert {kind: kept for kind, (kept, _) in mutator.state()["shares"].items()} == {"swap": 0.0, "number": 0.0}


@given(st.lists(st.tuples(st.sampled_from(["delete", "swap+number", "cma"]), st.booleans()), max_size=12))
def test_state_survives_json_and_gives_the_same_next_answers(history: list[tuple[str, bool]]) -> None:
    mutator, brief = genetic(), code_brief(Genome({"agent.py": MARKED}))
    for i, (kind, kept) in enumerate(history):
        child = Genome({"agent.py": MARKED.replace("3.0", f"{3 + i / 7:.3f}")})
        mutator.learn([closed(brief, Rewrite(child, "h", kind=kind), "keep" if kept else "discard", i - 5.0)])
    again = genetic()
    again.restore(json.loads(json.dumps(mutator.state(), allow_nan=False)))
    assert again.state() == mutator.state()
    for seed in range(4):
        assert answer(brief, seed, again) == answer(brief, seed, mutator)


def test_asking_changes_no_state() -> None:
    mutator = genetic()
    before = json.dumps(mutator.state())
    for seed in range(10):
        answer(code_brief(Genome({"agent.py": MARKED})), seed, mutator)
    assert json.dumps(mutator.state()) == before


# -- marked numbers ------------------------------------------------------------------------------


def marks_of(text: str) -> list[float]:
    source = source_of("agent.py", text)
    assert source is not None
    return [n.value for n in numbers(source)][:3]


def test_marked_numbers_move_together_and_keep_their_kind() -> None:
    marks = Marks()
    source = source_of("agent.py", MARKED)
    assert source is not None
    edit = marks.edit("a", [source], np.random.default_rng(0))
    assert edit is not None
    assert [MARKED[s.start : s.end] for s in edit.splices] == ["3.0", "-2.0", "8"]
    assert edit.splices[2].text.lstrip("-").isdigit()
    assert edit == marks.edit("a", [source], np.random.default_rng(0))
    assert edit != marks.edit("a", [source], np.random.default_rng(1))


ENGINE = """const PAWN: i32 = 100; // tune
const TEMPO: i32 = 1; // tune
const LATE_MOVES: f64 = 0.0; // tune
const DOUBLED: i32 = -10; // tune
const SIZE: usize = 0;
fn main() { println!("{}", PAWN + 7); }
"""


@pytest.mark.parametrize("seed", range(20))
def test_one_marked_number_is_moved_or_switched_on(seed: int) -> None:
    source = source_of("engine.rs", ENGINE)
    assert source is not None
    moved = {}
    for kind in ("tune", "switch"):
        for site in sites(kind, source):
            edit = site.edit(np.random.default_rng(seed))
            assert edit is not None
            (splice,) = edit.splices
            moved[ENGINE[splice.start : splice.end]] = splice.text, edit.says
    assert list(moved) == ["100", "1", "-10", "0.0"]
    assert moved["0.0"] == ("1.0", "makes `LATE_MOVES` `0.0` to `1.0`")
    assert all(old != new for old, (new, _) in moved.items())
    assert all(new.lstrip("-").isdigit() for old, (new, _) in moved.items() if old != "0.0")


def test_marked_numbers_have_half_the_draws_until_it_is_seen_what_works() -> None:
    """In the engine in Rust, where every kind that knows nothing has its sites."""
    folder = ROOT / "populations" / "chess" / "rust" / "rust"
    brief = code_brief(Genome({"engine.rs": (folder / "engine.rs").read_text(encoding="utf-8")}))
    marked = {"tune", "switch", "cma"}
    kinds = [answer(brief, seed).kind.split("+")[0] for seed in range(60)]
    assert 18 <= sum(kind in marked for kind in kinds) <= 44
    mutator = genetic()
    for _ in range(60):
        for kind in marked:
            mutator.learn([closed(brief, Rewrite(brief.parent, "h", kind=kind), "discard", -1.0)])
    assert sum(answer(brief, seed, mutator).kind.split("+")[0] in marked for seed in range(60)) <= 18


def test_cma_finds_the_numbers_that_are_best() -> None:
    """A bowl around (5, -1, 20): the champion comes near it in 40 times the 7 points of a round."""
    mutator, rng = Marks(), np.random.default_rng(5)
    target, parent = np.array([5.0, -1.0, 20.0]), MARKED

    def worth(text: str) -> float:
        return -float(np.sum(((np.array(marks_of(text)) - target) / target) ** 2))

    for _ in range(40 * 7):
        source = source_of("agent.py", parent)
        assert source is not None
        edit = mutator.edit("a", [source], rng)
        assert edit is not None
        text = parent
        for splice in sorted(edit.splices, key=lambda s: -s.start):
            text = text[: splice.start] + splice.text + text[splice.end :]
        brief = code_brief(Genome({"agent.py": parent}))
        effect = worth(text) - worth(parent)
        rewrite = Rewrite(Genome({"agent.py": text}), "h", kind="cma")
        mutator.learn([closed(brief, rewrite, "keep" if effect > 0 else "discard", effect)])
        parent = text if effect > 0 else parent
        mutator.restore(json.loads(json.dumps(mutator.state(), allow_nan=False)))
    assert worth(MARKED) < -0.5
    assert worth(parent) > -0.01


def test_points_that_broke_rank_last_and_do_no_harm() -> None:
    mutator, brief = Marks(), code_brief(Genome({"agent.py": MARKED}))
    for i in range(30):
        child = Genome({"agent.py": MARKED.replace("3.0", f"{3 + i}.5")})
        mutator.learn([closed(brief, Rewrite(child, "h", kind="cma"), "crash")])
    [state] = mutator.state().values()
    assert np.isfinite(state["centroid"]).all()


def test_other_marks_begin_anew() -> None:
    mutator, brief = Marks(), code_brief(Genome({"agent.py": MARKED}))
    mutator.learn([closed(brief, Rewrite(brief.parent, "h", kind="cma"), "discard", 0.1)])
    fewer = code_brief(Genome({"agent.py": MARKED.replace("ROUNDS = 8  # tune", "ROUNDS = 8")}))
    mutator.learn([closed(fewer, Rewrite(fewer.parent, "h", kind="cma"), "discard", 0.1)])
    assert len(mutator.state()["a"]["centroid"]) == 2


def test_marks_where_nothing_may_be_edited_are_no_part_of_the_strategy() -> None:
    workshop = Workshop(Toy(), MutatorSettings(), editable=Globs(("agent.py",)))
    mutator = Genetic.make(workshop)
    two = Genome({"agent.py": MARKED, "other.py": "FAR = 100.0  # tune\n"})
    brief = code_brief(two, editable=("agent.py",))
    for i in range(8):
        child = Genome({**two, "agent.py": MARKED.replace("3.0", f"{3 + i / 9:.3f}")})
        mutator.learn([closed(brief, Rewrite(child, "h", kind="cma"), "discard", -1.0)])
    [strategy] = mutator.state()["marks"].values()
    assert (len(strategy["centroid"]), strategy["count"]) == (3, 1)


def test_marks_are_put_into_the_text_and_keep_their_digits_where_they_stay() -> None:
    text = "A = 3.14159265358979  # tune\nB = -7  # tune\nC = f(A, 2_000)  # tune\n"
    rust = "const X: f32 = 1.5f32; // tune\nconst Y: i64 = 40;\n"
    found = marks(Genome({"a.py": text, "b.rs": rust, "c.txt": "1  # tune", "d.py": "def f(:  # tune\n"}))
    assert [(n.name, n.value, n.whole) for n in found.all] == [
        ("`A`", 3.14159265358979, False), ("`B`", -7, True), ("`A`", 2000, True), ("`X`", 1.5, False),
    ]  # fmt: skip
    child = found.put([3.14159265358979, 2.6, 1999.7, -0.25])
    assert child is not None
    assert child["a.py"] == text.replace("-7", "3").replace("2_000", "2000")
    assert child["b.rs"] == rust.replace("1.5f32", "-0.25f32")
    assert found.put([n.value for n in found.all]) is None


# -- languages -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "text"), [("a.py", PYTHON), ("a.rs", RUST), ("a.rb", RUBY)])
def test_blind_kinds_have_sites_in_every_language(path: str, text: str) -> None:
    source = source_of(path, text)
    assert source is not None
    blind = ("number", "operator", "conditions", "simplify", "delete", "swap", "copy", "replace")
    assert {kind for kind in blind if not sites(kind, source)} == set()
    assert {f.name.rpartition(".")[2] for f in source.functions} >= {"run"}
    assert source.functions[0].name.startswith("Counter.")


@pytest.mark.parametrize("extension", sorted(LANGUAGES))
def test_a_language_names_nodes_that_its_grammar_has(extension: str) -> None:
    from evolve.mutators.genetic.languages import _grammar

    language = LANGUAGES[extension]
    assert language_of(f"a/b{extension}") is language
    for names in (language.numbers, language.functions, language.blocks, language.operations):
        for name in names.split():
            assert _grammar(language.grammar).id_for_node_kind(name, True), name


def test_offsets_are_bytes() -> None:
    text = 'SIGN = "→ é"\n\n\ndef f(x):\n    y = "ü" + x\n    return y\n'
    for seed in range(60):
        for path, after in answer(code_brief(Genome({"a.py": text})), seed).genome.items():
            assert isinstance(source_of(path, after), Source)


# -- in a run ------------------------------------------------------------------------------------


class Sum(Toy):
    """How far the numbers of a file are from a hundred: no program is started."""

    def trial(self, case: Case, bench: Bench) -> Outcome:
        source = source_of("agent.py", case.genome["agent.py"])
        if source is None:
            return Outcome("refused", evidence={"reason": "it does not parse"})
        return Outcome("ok", abs(100 - sum(n.value for n in numbers(source))))

    def controls(self) -> list[Control]:
        return []


def test_a_run_gets_better_and_equal_seeds_give_equal_runs() -> None:
    settings = Settings(
        domain="sum",
        run=RunSettings(generations=40, baselines=[], preflight=False),
        acceptance=AcceptanceSettings(method=Method.greedy),
    )
    scores = []
    for _ in range(2):
        workers = LocalWorkers(1)
        result = Run(settings, Sum(), genetic, workers, {"a": Genome({"agent.py": MARKED})}).execute()
        workers.close()
        scores.append([outcomes["a"].score or 0.0 for outcomes in result.record.outcomes])
    assert scores[0] == scores[1]
    assert scores[0][-1] < scores[0][0] / 2, scores[0]


# -- at the edge ---------------------------------------------------------------------------------


def test_it_is_registered_with_its_extra() -> None:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    point = EntryPoint("genetic", project["entry-points"]["evolve.mutators"]["genetic"], "evolve.mutators")
    assert point.load() is Genetic
    assert point.extras == ["code"]
    assert "code" in project["optional-dependencies"]


def test_without_tree_sitter_the_other_mutators_work_and_this_one_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    program = (
        "import sys; sys.modules['tree_sitter'] = None\n"
        "import evolve.mutators\n"
        "try:\n    import evolve.mutators.genetic\n"
        "except ModuleNotFoundError as error:\n    print(error.name)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "tree_sitter"

    point = EntryPoint("genetic", "missing_package_of_no_one:Genetic [code]", "evolve.mutators")
    monkeypatch.setattr(components, "entry_points", lambda group: [point])
    with pytest.raises(UsageError, match=r"pip install -e '\.\[code\]'"):
        components.load("mutators", "genetic")


def test_a_missing_grammar_is_named_before_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    table = {**LANGUAGES, ".zz": replace(LANGUAGES[".py"], grammar="tree_sitter_of_no_one")}
    monkeypatch.setattr("evolve.mutators.genetic.languages.LANGUAGES", table)
    with pytest.raises(UsageError, match="tree_sitter_of_no_one"):
        genetic()
