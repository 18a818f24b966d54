"""Structure from a model, numbers from CMA-ES: who is asked when, what each learns, and what both find together."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from code_genomes import CODE, MARKED, code_brief
from toy import Toy

from evolve.config import AcceptanceSettings, Method, MutatorSettings, RunSettings, Settings
from evolve.errors import Halt, Spent, UsageError
from evolve.genome import Genome, Globs
from evolve.mutators import Mutator, Workshop
from evolve.numbers import Number, Numbers
from evolve.run import Run
from evolve.substrate import Attempt, Bench, Brief, Case, Control, Duel, Outcome, Rewrite
from evolve.testing import MutatorConformance, ScriptedLLM
from evolve.workers import LocalWorkers

if find_spec("tree_sitter") is None:
    words = "the hybrid mutator needs tree-sitter: pip install -e '.[code]'"
    if os.environ.get("EVOLVE_NO_SKIPS"):
        pytest.fail(words, pytrace=False)
    pytest.skip(words, allow_module_level=True)

from evolve.mutators import hybrid
from evolve.mutators.genetic.marks import marks
from evolve.mutators.hybrid import Hybrid

MARKS = Genome({"agent.py": MARKED})


class Model(Mutator):
    """Answers by a script; counts what it is asked and told."""

    def __init__(self, script: Callable[[Brief, np.random.Generator], list[Rewrite]]) -> None:
        self._script = script
        self.briefs: list[Brief] = []
        self.learnt: list[Attempt] = []

    def rewrite(self, brief: Brief, rng: np.random.Generator) -> list[Rewrite]:
        self.briefs.append(brief)
        return self._script(brief, rng)

    def learn(self, attempts: Sequence[Attempt]) -> None:
        self.learnt.extend(attempts)

    def state(self) -> dict[str, Any]:
        return {"heard": [a.rewrite.hypothesis for a in self.learnt]}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.learnt = []


def line(brief: Brief, rng: np.random.Generator) -> list[Rewrite]:
    text = f"{brief.parent['agent.py']}X{rng.integers(10**9)} = 1\n"
    return [Rewrite(Genome({**brief.parent, "agent.py": text}), "adds a line", kind="diff")]


def failing(error: Exception) -> Model:
    def script(brief: Brief, rng: np.random.Generator) -> list[Rewrite]:
        raise error

    return Model(script)


def made(model: Mutator | None = None, structure: float = 0.3) -> Hybrid:
    return Hybrid(model or Model(line), marks, structure)


def marked_brief(**changes: Any) -> Brief:
    return code_brief(MARKS, **changes)


def closed(brief: Brief, rewrite: Rewrite, verdict: str, effect: float) -> Attempt:
    return Attempt(
        brief.lineage, 0, rewrite.genome, brief.parent, rewrite, Outcome("ok", 1.0),
        Duel(1, effect, effect * effect), 0.05, verdict,
    )  # fmt: skip


def kinds(mutator: Mutator, brief: Brief, seeds: int) -> Counter[str]:
    return Counter(r.kind for seed in range(seeds) for r in mutator.rewrite(brief, np.random.default_rng(seed)))


class TestHybrid(MutatorConformance):
    make = staticmethod(lambda: (made(), marked_brief()))


class TestNumbersAlone(MutatorConformance):
    make = staticmethod(lambda: (made(structure=0.0), marked_brief()))


class TestModelAlone(MutatorConformance):
    make = staticmethod(lambda: (made(), code_brief()))


# -- who is asked --------------------------------------------------------------------------------


def test_about_a_third_is_the_models() -> None:
    found = kinds(made(), marked_brief(), 200)
    assert 40 <= found["diff"] <= 80
    assert found["cma"] == 200 - found["diff"]
    assert set(kinds(made(structure=1.0), marked_brief(), 20)) == {"diff"}
    assert set(kinds(made(structure=0.0), marked_brief(), 20)) == {"cma"}


def test_without_marks_the_model_is_always_asked_and_told_of_them() -> None:
    model = Model(line)
    assert set(kinds(made(model, structure=0.0), code_brief(CODE), 20)) == {"diff"}
    assert all(b.goal.startswith("goal\n") and "`# tune`" in b.goal for b in model.briefs)
    assert {replace(b, goal="goal") == code_brief(CODE) for b in model.briefs} == {True}


def test_only_the_numbers_move_and_the_hypothesis_names_them() -> None:
    [rewrite] = made(structure=0.0).rewrite(marked_brief(), np.random.default_rng(3))
    before, after = marks(MARKS).all, marks(rewrite.genome).all
    assert rewrite.hypothesis.startswith(f"tunes 3 of 3 numbers: `WIDTH` 3 to {after[0].value:g}, `DEPTH` -2 to ")
    assert rewrite.genome == marks(MARKS).put([n.value for n in after])
    assert before[2].whole
    assert after[2].value.is_integer()


def test_a_hypothesis_names_four_numbers_at_most() -> None:
    many = Genome({"agent.py": "".join(f"A{i} = {i}.5  # tune\n" for i in range(9))})
    [rewrite] = made(structure=0.0).rewrite(code_brief(many), np.random.default_rng(0))
    assert rewrite.hypothesis.count(" to ") == 4
    assert rewrite.hypothesis.endswith(", …")


def test_when_the_budget_is_spent_it_goes_on_with_the_numbers() -> None:
    mutator = made(failing(Spent("llm.budget.calls=3 is reached")), structure=1.0)
    assert set(kinds(mutator, marked_brief(), 10)) == {"cma"}
    with pytest.raises(Spent, match="is reached"):
        mutator.rewrite(code_brief(), np.random.default_rng(0))


def test_what_was_spent_moves_no_number() -> None:
    """How much the model drew before its budget was at an end is nothing that the next point depends on."""

    def drawn(times: int) -> list[Rewrite]:
        def script(brief: Brief, rng: np.random.Generator) -> list[Rewrite]:
            rng.random(times)
            raise Spent("no more")

        return made(Model(script), structure=1.0).rewrite(marked_brief(), np.random.default_rng(5))

    assert drawn(0) == drawn(9)


def test_a_server_that_is_gone_stops_the_run() -> None:
    with pytest.raises(Halt):
        made(failing(Halt("no server")), structure=1.0).rewrite(marked_brief(), np.random.default_rng(0))


def test_a_point_that_was_tried_is_drawn_again_and_then_the_model_is_asked() -> None:
    few = Genome({"agent.py": "ROUNDS = 4  # tune\n"})
    brief = code_brief(few)
    near = {marks(few).put([n]) for n in range(-20, 40) if n != 4}
    one_left = frozenset(g.digest for g in near if g is not None and "= 5 " not in g["agent.py"])
    found = kinds(made(structure=0.0), replace(brief, tried=one_left), 40)
    assert found["cma"] > found["diff"] > 0
    none_left = frozenset(g.digest for g in near if g is not None)
    assert set(kinds(made(structure=0.0), replace(brief, tried=none_left), 10)) == {"diff"}
    spent = made(failing(Spent("no more")), structure=0.0)
    assert not kinds(spent, replace(brief, tried=none_left), 10)


def test_a_point_that_takes_a_number_away_is_drawn_again() -> None:
    """The domain writes a nought without saying it, so the strategy could not learn from it."""

    def find(genome: Genome) -> Numbers:
        value = float(genome["a"])
        number = Number("a", "it", "it", value, whole=True, scale=5.0)
        return Numbers((number,) if value else (), lambda values: Genome({"a": f"{values[0]:g}"}))

    mutator = Hybrid(Model(lambda brief, rng: []), find, structure=0.0)
    for seed in range(60):
        for rewrite in mutator.rewrite(code_brief(Genome({"a": "1"})), np.random.default_rng(seed)):
            assert rewrite.genome["a"] not in ("0", "-0", "1")


def test_files_that_may_not_be_edited_keep_their_numbers() -> None:
    two = Genome({"a.py": "A = 3.0  # tune\n", "b.py": "B = 3.14159265358979  # tune\n"})
    free = Globs(("a.py",))
    mutator = Hybrid(Model(line), lambda genome: marks(genome).within(free), structure=0.0)
    brief = code_brief(two, editable=("a.py",))
    for seed in range(10):
        [rewrite] = mutator.rewrite(brief, np.random.default_rng(seed))
        assert free.broken_by(two, rewrite.genome) is None
        mutator.learn([closed(brief, rewrite, "discard", -0.1)])
    [strategy] = mutator.state()["numbers"].values()
    assert strategy["count"] >= 1
    assert len(strategy["centroid"]) == 1


# -- learning ------------------------------------------------------------------------------------


def history(mutator: Hybrid, seeds: range) -> None:
    for seed in seeds:
        brief = marked_brief()
        for rewrite in mutator.rewrite(brief, np.random.default_rng(seed)):
            effect = -float(abs(marks(rewrite.genome).all[0].value - 5))
            mutator.learn([closed(brief, rewrite, "keep" if seed % 7 == 0 else "discard", effect)])


def test_each_learns_from_its_own() -> None:
    model = Model(line)
    mutator = made(model)
    history(mutator, range(40))
    assert {a.rewrite.kind for a in model.learnt} == {"diff"}
    assert mutator.state()["numbers"]["a"]["count"] >= 3


def test_equal_state_gives_equal_answers_also_side_by_side() -> None:
    mutator = made()
    history(mutator, range(17))
    again = made()
    again.restore(json.loads(json.dumps(mutator.state(), allow_nan=False)))
    assert again.state()["numbers"] == mutator.state()["numbers"]

    def answers(m: Hybrid, seeds: Sequence[int]) -> list[list[Rewrite]]:
        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(lambda seed: m.rewrite(marked_brief(), np.random.default_rng(seed)), seeds))

    seeds = list(range(100, 116))
    assert answers(again, seeds) == answers(mutator, seeds[::-1])[::-1]
    history(mutator, range(17, 40))
    history(again, range(17, 40))
    assert again.state()["numbers"] == mutator.state()["numbers"]


def kept_by_the_model(text: str, mutator: Hybrid) -> dict[str, Any]:
    child = Genome({"agent.py": text})
    mutator.learn([closed(marked_brief(), Rewrite(child, "h", kind="diff"), "keep", 0.5)])
    [rewrite] = mutator.rewrite(code_brief(child), np.random.default_rng(0))
    mutator.learn([closed(code_brief(child), rewrite, "discard", 0.0)])
    state: dict[str, Any] = mutator.state()["numbers"]["a"]
    return state


def learnt() -> Hybrid:
    mutator = made(structure=0.0)
    history(mutator, range(15))
    assert mutator.state()["numbers"]["a"]["count"] > 0
    return mutator


def test_other_numbers_begin_anew_where_the_model_put_them() -> None:
    state = kept_by_the_model(MARKED + "MORE = 40.0  # tune\n", learnt())
    assert state["count"] == 0
    assert state["scale"] == [3.0, 2.0, 8.0, 40.0]
    assert state["centroid"] == [1.0, -1.0, 1.0, 1.0]


def test_structure_elsewhere_keeps_the_strategy_and_other_values_move_its_centre() -> None:
    before = learnt().state()["numbers"]["a"]
    same = kept_by_the_model(MARKED + "\n\ndef more():\n    return 3\n", learnt())
    assert (same["count"], same["centroid"]) == (before["count"], before["centroid"])
    moved = kept_by_the_model(MARKED.replace("3.0", "30.0"), learnt())
    assert moved["count"] == before["count"]
    assert moved["centroid"] == [10.0, -1.0, 1.0]


# -- both together find more ---------------------------------------------------------------------

TARGET = np.array([5.0, -1.0, 20.0])


class Bowl(Toy):
    """How far three numbers are from the best, above all their sum; and 2 more without the trick, which no number
    gives."""

    def trial(self, case: Case, bench: Bench) -> Outcome:
        found = np.array([n.value for n in marks(case.genome).all])
        if len(found) != len(TARGET):
            return Outcome("refused", evidence={"reason": "it needs its three numbers"})
        off = (found - TARGET) / TARGET
        far = float(off @ off + 10 * off.sum() ** 2)
        return Outcome("ok", far + 2.0 * ("TRICK" not in case.genome["agent.py"]))

    def controls(self) -> list[Control]:
        return []

    def propose(self, brief: Brief, rng: np.random.Generator) -> list[Rewrite]:
        return []


def adviser(brief: Brief, rng: np.random.Generator) -> list[Rewrite]:
    """The trick first; then a round guess at one number, as models make them."""
    text = brief.parent["agent.py"]
    if "TRICK" not in text:
        return [Rewrite(Genome({"agent.py": f"{text}TRICK = True\n"}), "knows a trick", kind="diff")]
    numbers = marks(brief.parent)
    values = [n.value for n in numbers.all]
    values[int(rng.integers(len(values)))] *= float(rng.choice([0.5, 0.9, 1.1, 2.0]))
    child = numbers.put(values)
    return [] if child is None else [Rewrite(child, "guesses", kind="diff")]


def best(mutate: Callable[[], Mutator], seed: int) -> tuple[float, int, Counter[str]]:
    settings = Settings(
        domain="bowl",
        seed=seed,
        run=RunSettings(generations=130, trials=120, baselines=[], preflight=False),
        acceptance=AcceptanceSettings(method=Method.greedy),
    )
    workers = LocalWorkers(1)
    record = Run(settings, Bowl(), mutate, workers, {"a": MARKS}).execute().record
    workers.close()
    scores = [o.score for outcomes in record.outcomes for o in outcomes.values() if o.score is not None]
    kept = Counter(a.rewrite.kind for a in record.attempts if a.verdict == "keep")
    return min(scores), len(record.attempts), kept


def test_a_hybrid_finds_more_than_its_model_alone_in_as_many_attempts() -> None:
    """The middle of four runs each: CMA-ES with some thirty points a number is not sure of every one."""
    alone = [best(lambda: Model(adviser), seed)[0] for seed in range(4)]
    both = [best(lambda: made(Model(adviser)), seed) for seed in range(4)]
    assert best(lambda: made(Model(adviser)), 0) == both[0]
    assert all(tried <= 120 and set(kept) == {"cma", "diff"} for _, tried, kept in both)
    assert np.median([score for score, _, _ in both]) < 0.5 * np.median(alone), (both, alone)
    assert best(lambda: made(Model(adviser), structure=0.0), 0)[0] > 2


# -- at the edge ---------------------------------------------------------------------------------


class Worded(Toy):
    """A domain with numbers of its own."""

    def numbers(self, genome: Genome) -> Numbers:
        number = Number("agent.txt", "it", "guess", float(genome["agent.txt"]))
        return Numbers((number,), lambda values: Genome({"agent.txt": repr(values[0])}), "the guess")


def workshop(substrate: Toy, **settings: Any) -> Workshop:
    return Workshop(substrate, MutatorSettings(**settings), ScriptedLLM(lambda request: ""))


def test_it_is_made_of_the_models_mutator_and_the_domains_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    class Asker:
        make = staticmethod(lambda workshop: Model(line))

    monkeypatch.setattr(hybrid, "OpenAI", Asker)
    assert Hybrid.needs_model
    assert Hybrid.reads_page
    own = Hybrid.make(workshop(Worded(), structure=0.0))
    [rewrite] = own.rewrite(code_brief(Genome({"agent.txt": "2.0"})), np.random.default_rng(0))
    assert rewrite.hypothesis.startswith("tunes 1 of 1 numbers: guess 2 to ")
    model = Model(line)
    asked = Hybrid(model, lambda genome: Worded().numbers(genome), structure=1.0)
    asked.rewrite(code_brief(Genome({"agent.txt": "2.0", "agent.py": ""})), np.random.default_rng(0))
    assert "by trials of their own: the guess. " in model.briefs[0].goal
    code = Hybrid.make(workshop(Toy(), structure=0.0))
    assert set(kinds(code, marked_brief(), 5)) == {"cma"}
    shut = Hybrid.make(replace(workshop(Toy(), structure=0.0), editable=Globs(("other.py",))))
    assert set(kinds(shut, marked_brief(), 5)) == {"diff"}


def test_where_no_agent_has_a_number_it_says_so() -> None:
    def remarks(text: str) -> Sequence[str]:
        seeds = {"a": Genome({"agent.py": "x = 1\n"}), "b": Genome({"agent.py": text})}
        return Hybrid.make(replace(workshop(Toy()), seeds=seeds)).remarks()

    assert remarks("x = 2  # tune\n") == []
    (said,) = remarks("x = 2\n")
    assert "# tune" in said
    assert said.endswith("so the model is always asked")


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(UsageError, match=r"mutator\.structure=.* Give 0 to 1"):
        Hybrid.make(workshop(Toy(), structure=share))
