"""Trials, bouts and the hidden check, over small real repositories."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from plain_bench import SMALL, PlainBench, git, repository, state_of, write

from evolve.genome import Genome
from evolve.substrate import Bout, Case, GenomeSettings
from substrates.command.settings import CommandSettings
from substrates.command.substrate import Command

BASIC = CommandSettings(
    measure="./measure.sh",
    check="./check.sh",
    metric="lines",
    direction="lower",
    seconds=20,
    pairs=2,
    deterministic=True,
)
Make = Callable[..., tuple[Command, Genome, PlainBench]]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A substrate over a repository of `files`, its seed, and a bench."""

    def made(
        files: Mapping[str, str] = SMALL, include: tuple[str, ...] = ("src/**",), **settings: object
    ) -> tuple[Command, Genome, PlainBench]:
        place = repository(tmp_path / "Some Repo", files)
        substrate = Command(replace(BASIC, repository=str(place), **settings))
        seeds = substrate.seeds(GenomeSettings(include=list(include)))
        assert seeds is not None
        substrate.admit(seeds)
        return substrate, seeds["some-repo"], PlainBench(substrate, tmp_path)

    return made


def case(substrate: Command, genome: Genome, purpose: str = "select", repeat: int = 0, stream: str = "s") -> Case:
    return Case(genome, "some-repo", substrate.conditions(0, {}, purpose), stream, repeat)


def edited(genome: Genome, path: str, text: str) -> Genome:
    return Genome({**genome, path: text})


def test_a_trial_checks_and_measures_once(make: Make) -> None:
    substrate, seed, bench = make()
    assert dict(seed) == {p: t for p, t in SMALL.items() if p.startswith("src/")}
    outcome = substrate.trial(case(substrate, seed), bench)
    assert (outcome.status, outcome.score, outcome.metrics) == ("ok", 5.0, {"files": 2.0})
    assert "METRIC lines=5" in outcome.evidence["log"]
    assert len(bench.started) == 2
    better = substrate.trial(case(substrate, edited(seed, "src/words.txt", "one\n")), bench)
    assert better.score == 2.0


def test_a_genome_may_remove_its_files_but_nothing_else(make: Make) -> None:
    files = {**SMALL, "measure.sh": "#!/bin/sh\necho METRIC lines=$(find . -type f | wc -l)\n"}
    substrate, seed, bench = make(files)
    fewer = Genome({"src/words.txt": seed["src/words.txt"]})
    assert substrate.trial(case(substrate, seed), bench).score == len(files)
    assert substrate.trial(case(substrate, fewer), bench).score == len(files) - 1


def test_a_failed_check_is_invalid_and_a_failed_measure_a_crash(make: Make) -> None:
    files = {**SMALL, "measure.sh": "#!/bin/sh\necho METRIC lines=1\ngrep -q two src/words.txt\n"}
    substrate, seed, bench = make(files)
    wrong = substrate.trial(case(substrate, edited(seed, "src/words.txt", "two\n")), bench)
    assert (wrong.status, wrong.score) == ("invalid", None)
    assert wrong.evidence["reason"] == "the check failed: it ended with exit code 1 (one is missing)"
    assert wrong.evidence["log"] == "one is missing"
    broken = substrate.trial(case(substrate, edited(seed, "src/words.txt", "one\n")), bench)
    assert (broken.status, broken.score) == ("crash", None)
    assert "the measuring command failed: it ended with exit code 1" in broken.evidence["reason"]


@pytest.mark.parametrize("path", ["measure.sh", "check.sh", "README.md", "src/new.txt", "src", "src/words.txt/inner"])
def test_the_ruler_and_the_rest_cannot_be_touched(make: Make, path: str) -> None:
    substrate, seed, bench = make(include=("**",) if path != "README.md" else ("src/**",))
    rest = {p: t for p, t in seed.items() if not p.startswith("src")} if path.startswith("src") else dict(seed)
    outcome = substrate.trial(case(substrate, Genome({**rest, path: "echo METRIC lines=0\n"})), bench)
    assert outcome.status == "refused"
    assert path in outcome.evidence["reason"]
    assert bench.started == []


def test_a_genome_may_add_files_where_it_is_allowed(make: Make) -> None:
    substrate, seed, bench = make(new_files=True)
    assert substrate.trial(case(substrate, edited(seed, "src/new.txt", "x\n")), bench).ok
    for path in ("lib/new.txt", "measure.sh", "src/.auto/x", ".auto/measure.sh"):
        assert substrate.trial(case(substrate, edited(seed, path, "x\n")), bench).status == "refused"


def test_everything_else_is_laid_anew_before_each_run(make: Make) -> None:
    spoils = "#!/bin/sh\n[ -e left ] && exit 3\ntouch left\nrm measure.sh README.md\necho METRIC lines=4\n"
    substrate, seed, bench = make({**SMALL, "check.sh": spoils, "measure.sh": spoils})
    for _ in range(2):
        assert substrate.trial(case(substrate, seed), bench).score == 4.0
    assert (substrate.base.tree / "README.md").read_text() == SMALL["README.md"]
    assert not any(path.stat().st_mode & 0o222 for path in substrate.base.tree.rglob("*"))


def test_modes_links_and_binary_files_survive(tmp_path: Path, make: Make) -> None:
    measure = "#!/bin/sh\nset -e\n[ -x src/run.sh ]\n[ -L link ]\necho METRIC lines=$(./src/run.sh)\n"
    files = {**SMALL, "measure.sh": measure, "src/run.sh": "#!/bin/sh\necho 7\n"}
    repository(tmp_path / "Some Repo 2", files)
    (tmp_path / "Some Repo 2" / "link").symlink_to("README.md")
    (tmp_path / "Some Repo 2" / "src" / "logo.bin").write_bytes(b"\0\1\2")
    git(tmp_path / "Some Repo 2", "add", "--all")
    git(tmp_path / "Some Repo 2", "commit", "-qm", "a link and a picture")
    substrate = Command(replace(BASIC, repository=str(tmp_path / "Some Repo 2")))
    seeds = substrate.seeds(GenomeSettings(include=["src/**", "link"]))
    assert seeds is not None
    (seed,) = seeds.values()
    assert "src/logo.bin" not in seed
    assert "link" not in seed
    assert any("src/logo.bin" in remark for remark in substrate.admit(seeds))
    bench = PlainBench(substrate, tmp_path)
    outcome = substrate.trial(case(substrate, edited(seed, "src/run.sh", "#!/bin/sh\necho 6\n")), bench)
    assert outcome.score == 6.0, outcome


def test_a_trial_is_killed_at_its_clock(make: Make) -> None:
    files = {
        **SMALL,
        "src/words.txt": "one\n",
        "measure.sh": "#!/bin/sh\necho begun\nsleep $(cat src/words.txt | wc -l)0\n",
    }
    substrate, seed, bench = make(files, seconds=0.5, grace=0.1)
    outcome = substrate.trial(case(substrate, seed), bench)
    assert outcome.status == "timeout"
    assert outcome.evidence["reason"] == "the measuring command was not done when substrate.seconds=0.5 were over"
    assert outcome.evidence["log"] == "begun"
    assert outcome.seconds < 3


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        ("true", "no line `METRIC lines=NUMBER` was printed"),
        ("echo METRIC lines=1; echo METRIC lines=2", "METRIC lines was printed with 2 different values"),
        ("echo METRIC lines=nan", "METRIC lines=nan is no finite number"),
        ("echo METRIC lines=1e999", "METRIC lines=1e999 is no finite number"),
        ("echo METRIC lines=0", "lines is 0, and differences of logarithms need more than 0"),
        ("yes METRIC lines=1 | head -c 5000000", "the measuring command printed more than 4096 kB"),
    ],
)
def test_not_exactly_one_finite_metric_is_invalid_and_never_zero(make: Make, says: str, reason: str) -> None:
    substrate, seed, bench = make({**SMALL, "measure.sh": f"#!/bin/sh\n{says}\n"}, deterministic=False)
    outcome = substrate.trial(case(substrate, seed), bench)
    assert (outcome.status, outcome.score) == ("invalid", None)
    assert outcome.evidence["reason"].startswith(reason)


def test_a_report_in_a_file(make: Make) -> None:
    report = '{"results": [{"command": "x", "mean": 0.5, "times": [0.5]}]}'
    measure = f"#!/bin/sh\necho METRIC mean=9\n[ -s src/words.txt ] || exit 0\necho '{report}' > report.json\n"
    files = {**SMALL, "measure.sh": measure}
    substrate, seed, bench = make(files, check=None, output="report.json", metric="x.mean")
    assert substrate.trial(case(substrate, seed), bench).score == 0.5
    without = substrate.trial(case(substrate, edited(seed, "src/words.txt", "")), bench)
    assert (without.status, without.evidence["reason"]) == ("invalid", "the measuring command left no file report.json")


def test_a_log_is_capped_at_its_end(make: Make) -> None:
    substrate, seed, bench = make({**SMALL, "check.sh": "#!/bin/sh\nseq 1 5000\nexit 1\n"})
    log = substrate.trial(case(substrate, seed), bench).evidence["log"]
    assert len(log) == 2000
    assert log.endswith("5000")


# -- bouts ---------------------------------------------------------------------------------------

ORDER = {
    **SMALL,
    # Tells which genome was started, and lets its number be the score.
    "measure.sh": '#!/bin/sh\ncat src/words.txt >> "$LOG"\necho " $EVOLVE_SEED" >> "$LOG"\n'
    "echo METRIC lines=$(cat src/words.txt)\n",
}


def test_a_bout_is_interleaved_pairs_with_the_order_swapped(make: Make, tmp_path: Path) -> None:
    log = tmp_path / "log"
    files = {**ORDER, "src/words.txt": "4"}
    substrate, seed, bench = make(files, check=None, pairs=10, deterministic=False, environment={"LOG": str(log)})
    child, other = edited(seed, "src/words.txt", "2"), edited(seed, "src/words.txt", "8")
    bouts = substrate.compare(case(substrate, seed), [case(substrate, child), case(substrate, other)], bench)
    assert bench.taken == 1
    for bout, gain in zip(bouts, (math.log(2), -math.log(2)), strict=True):
        assert bout.count == 10
        assert bout.total == pytest.approx(10 * gain)
        assert bout.squares == pytest.approx(10 * gain**2)
        assert not bout.last
    rows = [line.split() for line in log.read_text().splitlines()]
    order = [row[0] for row in rows]
    assert order == ["4", "2", "8", "8", "2", "4"] * 5
    seeds = [row[1] for row in rows]
    assert len(set(seeds)) == 10
    assert all(len(set(seeds[i : i + 3])) == 1 for i in range(0, 30, 3))
    again = substrate.compare(case(substrate, seed, repeat=1), [case(substrate, child, repeat=1)], bench)
    assert again[0].count == 10
    assert len({line.split()[1] for line in log.read_text().splitlines()}) == 20


def test_plain_differences_and_a_higher_metric(make: Make) -> None:
    files = {**SMALL, "src/words.txt": "-4", "measure.sh": "#!/bin/sh\necho METRIC lines=$(cat src/words.txt)\n"}
    substrate, seed, bench = make(
        files, check=None, deterministic=False, direction="higher", scale="plain", exclusive=False
    )
    (bout,) = substrate.compare(case(substrate, seed), [case(substrate, edited(seed, "src/words.txt", "-1"))], bench)
    assert (bout.count, bout.total, bout.squares, bench.taken) == (2, 6.0, 18.0, 0)


def test_a_challenger_that_breaks_in_a_bout_does_not_hurt_the_other(make: Make) -> None:
    files = {**SMALL, "src/words.txt": "4", "measure.sh": "#!/bin/sh\necho METRIC lines=$(cat src/words.txt)\n"}
    substrate, seed, bench = make(files, check=None, deterministic=False)
    broken, better = edited(seed, "src/words.txt", "none"), edited(seed, "src/words.txt", "2")
    bouts = substrate.compare(case(substrate, seed), [case(substrate, broken), case(substrate, better)], bench)
    assert bouts[0] == Bout(last=True, failed="invalid")
    assert bouts[1].total == pytest.approx(2 * math.log(2))
    assert substrate.compare(case(substrate, broken), [case(substrate, better)], bench) == [Bout(last=True)]


def test_deterministic_scores_are_compared_by_one_trial_each(make: Make) -> None:
    substrate, seed, bench = make()
    (bout,) = substrate.compare(case(substrate, seed), [case(substrate, edited(seed, "src/words.txt", "one\n"))], bench)
    assert (bout.count, bout.total, bout.exact, bout.last) == (1, 3.0, True, True)
    assert bench.taken == 0


def test_champions_are_measured_alone_and_equal_ones_once(make: Make) -> None:
    substrate, seed, bench = make(deterministic=False)
    twins = [replace(case(substrate, seed), lineage=f"repo-{i}") for i in range(4)]
    found = substrate.measure(twins, bench)
    assert [found[f"repo-{i}"].score for i in range(4)] == [5.0] * 4
    assert (bench.taken, len(bench.started)) == (1, 2)


# -- the hidden check ----------------------------------------------------------------------------


@pytest.fixture
def hidden(tmp_path: Path) -> Path:
    write(
        tmp_path / "safe",
        {"audit.sh": '#!/bin/sh\n. "$(dirname "$0")"/want\ngrep -q $WANT src/words.txt\n', "want": "WANT=two\n"},
    )
    return tmp_path / "safe"


def test_the_hidden_check_rules_the_audit_alone(make: Make, hidden: Path) -> None:
    substrate, seed, bench = make(audit=str(hidden))
    without = edited(seed, "src/words.txt", "one\n")
    assert substrate.trial(case(substrate, without), bench).ok
    assert substrate.trial(case(substrate, seed, "audit"), bench).score == 5.0
    failed = substrate.trial(case(substrate, without, "audit"), bench)
    assert failed.status == "invalid"
    assert failed.evidence["reason"].startswith("the hidden check failed")
    told = [any("audit.sh" in word for word in argv) for argv in bench.started]
    assert told == [False, False, True, False, False, True], "only an audit sees it"


def test_a_keep_must_pass_the_hidden_check(make: Make, hidden: Path) -> None:
    first, _, _ = make()
    for deterministic in (True, False):
        substrate, seed, bench = again(first, audit=str(hidden), deterministic=deterministic)
        without, better = edited(seed, "src/words.txt", "one\n"), edited(seed, "src/words.txt", "one\ntwo\n")
        bouts = substrate.compare(case(substrate, seed), [case(substrate, without), case(substrate, better)], bench)
        assert bouts[0] == Bout(last=True, failed="invalid")
        assert bouts[1].total > 0
        later = substrate.compare(case(substrate, seed, repeat=1), [case(substrate, without, repeat=1)], bench)
        assert later[0].failed is None, "one look a contest is enough"


def again(before: Command, **settings: object) -> tuple[Command, Genome, PlainBench]:
    substrate = Command(replace(before.settings, **settings))
    seeds = substrate.seeds(GenomeSettings(include=["src/**"]))
    assert seeds is not None
    substrate.admit(seeds)
    return substrate, seeds["some-repo"], PlainBench(substrate, before.base.home)


def test_the_hidden_check_may_measure_on_its_own(make: Make, tmp_path: Path) -> None:
    write(tmp_path, {"mine.sh": "echo METRIC lines=42\n"})
    substrate, seed, bench = make(audit=str(tmp_path / "mine.sh"), audit_gates=False)
    assert substrate.trial(case(substrate, seed, "audit"), bench).score == 42.0
    assert substrate.trial(case(substrate, seed), bench).score == 5.0


# -- ends, words, conditions ---------------------------------------------------------------------


def test_conditions_follow_what_measures(make: Make, hidden: Path) -> None:
    substrate, _, _ = make()
    one = substrate.conditions(0, {}, "select")
    assert one == substrate.conditions(3, {}, "confirm")
    other, _, _ = again(substrate, seconds=21.0)
    assert other.conditions(0, {}, "select")["evaluator"] != one["evaluator"]
    assert other.conditions(0, {}, "select")["base"] == one["base"]
    audited, _, _ = again(substrate, audit=str(hidden))
    assert audited.conditions(0, {}, "select") == one
    assert audited.conditions(0, {}, "audit")["hidden"]


def test_the_repository_is_left_as_it_was(make: Make) -> None:
    substrate, seed, bench = make()
    place = Path(substrate.base.place)
    before = state_of(place)
    index = (place / ".git" / "index").read_bytes()
    write(place / ".git", {"hooks/post-checkout": "#!/bin/sh\ntouch $HOME/hooked\n"})
    again(substrate)
    substrate.trial(case(substrate, edited(seed, "src/words.txt", "one\n")), bench)
    assert state_of(place) == before
    assert (place / ".git" / "index").read_bytes() == index


def test_what_the_mutator_is_told(make: Make, hidden: Path) -> None:
    substrate, _, _ = make(audit=str(hidden), brief="Beware of the leopard.")
    said = substrate.brief()
    assert "lines of this repository (lower is better)" in said
    assert "./check.sh" in said
    assert "leopard" in said
    assert str(hidden) not in said
    assert substrate.metric.honest.endswith(".")
    assert "hidden check" in substrate.metric.honest


def test_the_control_that_brings_its_own_ruler(make: Make) -> None:
    substrate, _, bench = make()
    (control,) = substrate.controls()
    assert control.kind == "cheat"
    assert control.genome is not None
    assert substrate.trial(case(substrate, control.genome), bench).status == "refused"
