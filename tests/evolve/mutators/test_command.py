"""Real scripts as agents: what they may do, what they may not, and what is left of them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from toy import SEEDS, Toy, ToySettings

from evolve.config import AcceptanceSettings, Method, MutatorSettings, RunSettings, SelectionSettings, Settings
from evolve.errors import Halt, UsageError
from evolve.evidence import Outcome
from evolve.genome import Genome, Globs
from evolve.mutators import Workshop
from evolve.mutators.command import Command
from evolve.run import Run
from evolve.substrate import Around, Brief, Rewrite
from evolve.testing import MutatorConformance
from evolve.workers import LocalWorkers

PARENT = Genome({"agent.txt": "0.0\n", "notes/plan.md": "start\n", "README.md": "read me\n", ".gitignore": "out/\n"})
EDITABLE = Globs(("**",), ("README.md", ".gitignore"))
WIDE = 20.0
"""Seconds within which what takes milliseconds must be over on a busy machine."""


def brief_of(parent: Genome = PARENT, **more: object) -> Brief:
    toy = Toy()
    given: dict[str, object] = {
        "goal": "Guess the number.",
        "metric": toy.metric,
        "clock": toy.clock,
        "generation": 1,
        "lineage": "a",
        "parent": parent,
        "donors": {},
        "team": {},
        "outcome": Outcome("ok", 3.0, {"guess": 0.0}),
        "conditions": {},
        "state": {},
        "editable": EDITABLE.of(parent),
        **more,
    }
    return Brief(**given)  # type: ignore[arg-type]


class Standing(Toy):
    """A domain whose genomes stand among other files."""

    def __init__(self, around: Around | None) -> None:
        super().__init__()
        self._around = around

    def around(self) -> Around | None:
        return self._around


class Desk:
    """Writes scripts and runs them as agents."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.made: list[Command] = []

    def script(self, body: str, shell: bool = False) -> Path:
        path = self.folder / f"agent{len(list(self.folder.glob('agent*')))}"
        start = "#!/bin/sh\n" if shell else f"#!{sys.executable} -IS\nimport os, signal, subprocess, sys, time\n"
        path.write_text(start + body, encoding="utf-8")
        path.chmod(0o755)
        return path

    def mutator(
        self,
        command: str,
        seconds: float = 60.0,
        hidden: tuple[Path, ...] = (),
        editable: Globs = EDITABLE,
        around: Around | None = None,
    ) -> Command:
        settings = MutatorSettings(name="command", command=command, seconds=seconds)
        made = Command.make(Workshop(Standing(around), settings, editable=editable, hidden=hidden))
        self.made.append(made)
        return made

    def ask(
        self, body: str, words: str = "", shell: bool = False, brief: Brief | None = None, **settings: float
    ) -> Rewrite:
        mutator = self.mutator(f"{self.script(body, shell)} {words}", **settings)  # type: ignore[arg-type]
        return answer(mutator, brief or brief_of())


def answer(mutator: Command, brief: Brief) -> Rewrite:
    (rewrite,) = mutator.rewrite(brief, np.random.default_rng(0))
    assert rewrite.hypothesis == " ".join(rewrite.hypothesis.split())
    assert 0 < len(rewrite.hypothesis) <= 300
    assert rewrite.hypothesis.isprintable()
    assert rewrite.cost == {"calls": 1}
    if rewrite.refused:
        assert rewrite.genome == brief.parent
    else:
        assert rewrite.genome != brief.parent
    return rewrite


@pytest.fixture(params=["bwrap", "alone"])
def desk(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    if request.param == "alone":
        monkeypatch.setattr("evolve.mutators.command.agent._bwrap", lambda: "")
    made = Desk(tmp_path)
    if request.param == "bwrap" and not made.mutator("true")._agent.bwrap:
        pytest.skip("agents are kept apart by bubblewrap: apt-get install bubblewrap")
    yield made
    for mutator in made.made:
        mutator.close()
    assert list(scratch.iterdir()) == [], "a scratch folder was left behind"


def steady() -> tuple[Command, Brief]:
    settings = MutatorSettings(command="sh -c 'echo 1.0 > agent.txt'")
    return Command.make(Workshop(Toy(), settings)), brief_of(SEEDS["a"])


class TestCommand(MutatorConformance):
    make = staticmethod(steady)


EDITS = """
open("agent.txt", "w").write("1.0\\n")
"""
NOTES = """
open(".evolve/HYPOTHESIS.md", "w").write("# Hypothesis: one is \\x1b[31mnearer\\n\\nexpected: -0.25\\n")
"""


def test_what_it_edits_is_the_child(desk: Desk) -> None:
    rewrite = desk.ask(EDITS + NOTES)
    assert rewrite.refused == ""
    assert rewrite.genome == Genome({**PARENT, "agent.txt": "1.0\n"})
    assert rewrite.hypothesis == "one is nearer"
    assert rewrite.expected == -0.25
    assert rewrite.kind == "command"


def test_without_a_note_it_is_the_last_line_printed_and_then_what_changed(desk: Desk) -> None:
    rewrite = desk.ask(EDITS + 'print("thinking\\n\\x1b[1mtries one\\x1b[0m\\n  ")')
    assert (rewrite.hypothesis, rewrite.expected) == ("tries one", None)
    assert desk.ask(EDITS).hypothesis == "changes agent.txt (+1 −1 lines)"


def test_new_deleted_and_renamed_files(desk: Desk) -> None:
    rewrite = desk.ask(EDITS + 'os.makedirs("lib/deep")\nos.rename("notes/plan.md", "lib/deep/plan.md")')
    assert dict(rewrite.genome) == {
        "agent.txt": "1.0\n",
        "lib/deep/plan.md": "start\n",
        "README.md": "read me\n",
        ".gitignore": "out/\n",
    }
    assert "notes/plan.md" not in desk.ask('os.remove("notes/plan.md")').genome
    rewrite = desk.ask('os.remove("notes/plan.md")', brief=brief_of(Genome({"notes/plan.md": "start\n"})))
    assert rewrite.refused.startswith("the agent deleted every file;")


def test_what_it_changes_elsewhere_is_discarded_and_told(desk: Desk) -> None:
    meddle = 'open("README.md", "a").write("mine")\nos.remove(".gitignore")\n'
    rewrite = desk.ask(meddle)
    assert rewrite.refused.startswith("the agent changed nothing that may be edited, only what may not: ")
    assert ".gitignore, README.md" in rewrite.refused
    rewrite = desk.ask(EDITS + meddle)
    assert rewrite.genome == Genome({**PARENT, "agent.txt": "1.0\n"})
    assert "discarded what it changed elsewhere: .gitignore, README.md" in rewrite.hypothesis


def test_what_agents_leave_behind_is_no_change(desk: Desk) -> None:
    rubbish = """
for path in ("__pycache__/a.pyc", ".aider.history.md", ".cache/x", "out/log.txt", "notes/node_modules/x.js", ".git/x"):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    open(path, "w").write("x")
"""
    assert desk.ask(rubbish).refused.startswith("the agent changed nothing; ")
    rewrite = desk.ask(EDITS + rubbish)
    assert rewrite.genome == Genome({**PARENT, "agent.txt": "1.0\n"})
    assert "discarded" not in rewrite.hypothesis


def test_an_exit_code_refuses_and_says_what_was_edited_and_said_last(desk: Desk) -> None:
    rewrite = desk.ask(EDITS + 'print("working")\nsys.exit("no credit left")')
    assert rewrite.refused == (
        "the agent failed: exit code 1; what it had changed is not taken: agent.txt; "
        "it said last: working / no credit left"
    )


def test_one_that_does_nothing(desk: Desk) -> None:
    assert desk.ask("exit 0", shell=True).refused == "the agent changed nothing; it said last: nothing"


def test_what_was_tried_before_is_refused(desk: Desk) -> None:
    tried = frozenset({Genome({**PARENT, "agent.txt": "1.0\n"}).digest})
    assert "tried before" in desk.ask(EDITS, brief=brief_of(tried=tried)).refused


HANGS = """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
def note(name):
    open("{place}/" + name, "w").write(open("/proc/self/stat").read())
for name in ("child", "daemon", "orphan"):
    if not os.fork():
        if name != "child":
            os.setsid()
        if name == "orphan" and os.fork():
            os._exit(0)
        os.close(1), os.close(2)
        note(name)
        while True:
            time.sleep(0.01)
            open("{place}/alive-" + name, "w").write(str(time.time()))
while not all(os.path.exists("{place}/alive-" + name) for name in ("child", "daemon", "orphan")):
    time.sleep(0.01)
open("{place}/ready", "w").close()
{end}
"""


@pytest.mark.parametrize("end", ["time.sleep(600)", "sys.exit(0)"])
def test_nothing_that_it_started_lives_on(desk: Desk, tmp_path: Path, end: str) -> None:
    place = tmp_path / "place"
    place.mkdir()
    started = time.monotonic()
    rewrite = desk.ask(EDITS + HANGS.format(place=place, end=end), seconds=3.0)
    assert (place / "ready").exists()
    assert time.monotonic() - started < 3.0 + WIDE
    if "sleep" in end:
        assert "was not done after 3 s and was killed; what it had changed is not taken: agent.txt" in rewrite.refused
    else:
        assert rewrite.refused == ""
    before = {path.name: path.read_text() for path in place.glob("alive-*")}
    assert len(before) == 3
    time.sleep(0.3)
    assert {path.name: path.read_text() for path in place.glob("alive-*")} == before


def test_a_flood_is_bounded_and_its_end_is_told(desk: Desk) -> None:
    flood = 'for _ in range(1600):\n    os.write({to}, b"x" * 65535 + b"\\n")\n'
    rewrite = desk.ask(EDITS + flood.format(to=1) + 'print("done at last", flush=True)\n' + flood.format(to=2))
    assert rewrite.hypothesis == "done at last"
    rewrite = desk.ask(flood.format(to=2) + 'sys.exit("what was wrong")')
    assert rewrite.refused.endswith("what was wrong")
    assert len(rewrite.refused) < 3000


def test_links_are_never_followed(desk: Desk, tmp_path: Path) -> None:
    secret = tmp_path / "answer.txt"
    secret.write_text("forty-two", encoding="utf-8")
    links = f"""
os.symlink("{secret}", "leak.txt")
os.remove("notes/plan.md"); os.symlink("{secret}", "notes/plan.md")
os.symlink("{tmp_path}", "folder")
os.mkfifo("pipe")
"""
    rewrite = desk.ask(EDITS + links)
    assert rewrite.genome == Genome({**PARENT, "agent.txt": "1.0\n"})
    assert "forty-two" not in str(dict(rewrite.genome))
    for name in ("leak.txt", "notes/plan.md", "folder", "pipe"):
        assert f"{name} (no plain file)" in rewrite.hypothesis


def test_a_folder_of_ours_that_is_a_link(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "HYPOTHESIS.md").write_text("somebody else's words", encoding="utf-8")
    swap = f'subprocess.run(["rm", "-rf", ".evolve"]); os.symlink("{tmp_path}", ".evolve")'
    assert desk.ask(EDITS + swap).hypothesis.startswith("changes agent.txt")


def test_a_checkout_that_is_gone_or_full(desk: Desk) -> None:
    gone = 'there = os.getcwd(); os.chdir("/"); subprocess.run(["rm", "-rf", there])\n'
    assert "its checkout is gone" in desk.ask(gone).refused
    assert "its checkout is gone" in desk.ask(gone + 'os.symlink("/etc", there)').refused
    deep = 'for _ in range(300):\n    os.mkdir("d"); os.chdir("d")\n'
    assert "64 deep" in desk.ask(EDITS + deep).refused


def test_large_files_binaries_and_names_that_nobody_can_type(desk: Desk) -> None:
    rewrite = desk.ask(
        EDITS
        + """
with open("huge.txt", "wb") as stream:
    stream.truncate(100 << 20)
open("binary", "wb").write(bytes(range(256)))
open("notes/plan.md", "wb").write(b"caf\\xe9")
open(b"caf\\xe9.txt", "w").write("x")
open("a\\nb\\x1b[2J.txt", "w").write("x")
"""
    )
    assert rewrite.genome == Genome({**PARENT, "agent.txt": "1.0\n"})
    for name in ("huge.txt", "binary", "notes/plan.md", "caf.txt"):
        assert f"{name} (no text, or too large)" in rewrite.hypothesis or " more" in rewrite.hypothesis


def test_a_name_that_git_would_take_for_more_than_one(desk: Desk) -> None:
    made = desk.ask(f"{EDITS}open(':!new', 'w').write('a')\nopen(':(glob)out', 'w').write('b')")
    assert {*made.genome} == {*PARENT, ":!new", ":(glob)out"}


def test_more_new_files_than_anybody_reads_are_not_taken(desk: Desk) -> None:
    started = time.monotonic()
    refused = desk.ask(f"{EDITS}for i in range(20_000): open(f'new{{i}}', 'w').close()").refused
    assert "20,000 new files in it may be edited, and 2,000 are the most" in refused
    lost = desk.ask(f"{EDITS}os.mkdir('lib')\nfor i in range(20_000): open(f'new{{i}}', 'w').close()", editable=NARROW)
    assert lost.hypothesis.endswith("and 19987 more")
    assert time.monotonic() - started < 3 * WIDE


NARROW = Globs(("agent.txt",))


def test_a_genome_that_asks_git_for_conversions_is_laid_out_as_it_is(desk: Desk) -> None:
    asks = Genome({**PARENT, ".gitattributes": "* text eol=crlf ident filter=x working-tree-encoding=UTF-16\n"})
    assert desk.ask(EDITS, brief=brief_of(asks)).genome == Genome({**asks, "agent.txt": "1.0\n"})


def test_what_it_has_made_beside_its_folder_does_not_matter(desk: Desk) -> None:
    body = f"{EDITS}os.mkdir('../ignored')\nopen('new.txt', 'w').write('new')\nos.mkdir('out')\nopen('out/x', 'w')"
    assert desk.ask(body).genome == Genome({**PARENT, "agent.txt": "1.0\n", "new.txt": "new"})


def test_a_file_that_is_linked_from_elsewhere_keeps_its_mode(desk: Desk) -> None:
    outside = desk.folder / "outside"
    outside.write_text("mine", encoding="utf-8")
    outside.chmod(0o400)
    desk.ask(f"{EDITS}os.mkdir('x')\nos.link({str(outside)!r}, 'x/y')\nos.chmod('x', 0o500)")
    assert outside.stat().st_mode & 0o777 == 0o400


def test_a_file_and_a_folder_of_one_name(desk: Desk) -> None:
    swap = 'os.remove("README.md"); os.mkdir("README.md"); open("README.md/x", "w").write("x")'
    assert "nothing can be taken" in desk.ask(swap, editable=Globs(("**/x", "agent.txt"))).refused  # type: ignore[arg-type]


def test_its_git_is_never_run(desk: Desk, tmp_path: Path) -> None:
    trap = desk.script(f"echo caught >> {tmp_path}/caught", shell=True)
    plant = f"""
for key in ("core.fsmonitor", "core.hooksPath", "core.pager", "core.editor", "diff.external", "filter.x.clean"):
    subprocess.run(["git", "config", key, "{trap}"], check=True)
open(".gitattributes", "w").write("* filter=x diff=x\\n")
os.makedirs(".git/hooks", exist_ok=True)
for hook in ("post-index-change", "pre-commit", "post-checkout"):
    os.symlink("{trap}", ".git/hooks/" + hook)
"""
    rewrite = desk.ask(plant + EDITS)
    assert not (tmp_path / "caught").exists()
    assert rewrite.genome == Genome({**PARENT, "agent.txt": "1.0\n", ".gitattributes": "* filter=x diff=x\n"})


def test_it_stands_in_a_repository_and_may_commit(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    commits = """
test "$(git rev-parse --show-toplevel)" = "$PWD" || exit 3
test -z "$(git status --porcelain)" || exit 4
test "$(git ls-files)" = ".gitignore
README.md
agent.txt
notes/plan.md" || exit 5
echo 1.0 > agent.txt
git commit -qam 'one is nearer' || exit 6
"""
    rewrite = desk.ask(commits, shell=True)
    assert (rewrite.refused, rewrite.genome["agent.txt"]) == ("", "1.0\n")


TELLS = """
given = [*sys.argv[1:], sys.stdin.read()]
open("agent.txt", "w").write(repr(given))
"""


def test_how_it_gets_its_brief(desk: Desk) -> None:
    brief = brief_of(lineage="käse")

    def told(words: str) -> list[str]:
        found: list[str] = eval(desk.ask(TELLS, words, brief=brief).genome["agent.txt"])
        return found

    (text,) = told("")
    assert "Guess the number." in text
    assert "käse" in text
    assert ".evolve/HYPOTHESIS.md" in text
    assert told("-p {brief} '{x} {}' x{brief}y") == ["-p", text, "{x} {}", f"x{text}y", ""]
    argument, end, empty = told("--file={file} 'a b'")
    assert argument.startswith("--file=/")
    assert argument.endswith("/checkout/.evolve/BRIEF.md")
    assert (end, empty) == ("a b", "")
    reads = 'open("agent.txt", "w").write(open(sys.argv[1]).read())'
    assert desk.ask(reads, "{file}", brief=brief).genome["agent.txt"] == text


def test_a_long_brief_is_cut_to_what_an_argument_holds(desk: Desk) -> None:
    brief = brief_of(page="ä{file} " * 40_000)
    settings = MutatorSettings(command=f"{desk.script(TELLS)} {{brief}}{{brief}}", brief=400_000)
    mutator = Command.make(Workshop(Toy(), settings, editable=EDITABLE))
    desk.made.append(mutator)
    argument, _ = eval(answer(mutator, brief).genome["agent.txt"])
    assert 60_000 < len(argument.encode()) < 131_072
    assert "ä{file} " in argument


def test_secrets_are_neither_recorded_nor_kept(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    word = "not-a-real-word-of-anybody"
    monkeypatch.setenv("TOY_API_KEY", word)
    assert desk.ask('print(os.environ["TOY_API_KEY"])' + EDITS).hypothesis == "[secret]"
    rewrite = desk.ask('sys.exit("bad " + os.environ["TOY_API_KEY"])')
    assert rewrite.refused.endswith("it said last: bad [secret]")
    rewrite = desk.ask('open("agent.txt", "w").write("x" + os.environ["TOY_API_KEY"])')
    assert rewrite.refused.startswith("the agent wrote a secret into agent.txt;")
    assert desk.ask(NOTES.replace("one is", word) + EDITS).hypothesis == "[secret] nearer"
    rewrite = desk.ask(EDITS, brief=brief_of(Genome({"agent.txt": "x", "old.txt": word})))
    assert rewrite.refused == "", "what the parent holds already is not the agent's doing"


def test_a_secret_is_found_between_colours_and_controls(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "sk-hush-hush")
    for between in ("\\x1b[1m", "\\x00", "\\x1b]0;title\\x07"):
        said = desk.ask(f"k = os.environ['SOME_API_KEY']\nprint(k[:4] + '{between}' + k[4:])\nsys.exit(3)")
        assert said.refused.endswith("it said last: [secret]")
        assert said.hypothesis == "[secret]"


def test_what_a_terminal_would_obey_is_not_in_the_reason(desk: Desk) -> None:
    program = "bwrap: python: "  # as if it had not been found
    body = f"sys.stderr.write('{program}' + sys.executable + ': \\x1b]0;title\\x07' + 100_000 * 'x')\nsys.exit(127)"
    for words in ("/usr/bin/bwrap", sys.executable):
        refused = desk.ask(body.replace("sys.executable", repr(words))).refused
        assert refused.isprintable()
        assert len(refused) < 2_000


def test_the_ledger_is_an_empty_folder_to_it(desk: Desk, tmp_path: Path) -> None:
    ledger = tmp_path / "lineages.git"
    ledger.mkdir()
    (ledger / "HEAD").write_text("ref: refs/heads/main\n", encoding="utf-8")
    answers = tmp_path / "answers"
    answers.write_text("forty-two", encoding="utf-8")
    looks = f"""
open("{ledger}/planted", "w").close()
try:
    seen = open("{answers}").read()
except PermissionError:
    seen = None
open("agent.txt", "w").write(repr([os.listdir("{ledger}"), seen]))
subprocess.run(["umount", "{ledger}"])
"""
    mutator = desk.mutator(f"{desk.script(looks)}", hidden=(ledger, answers, tmp_path / "not made yet"))
    seen = eval(answer(mutator, brief_of()).genome["agent.txt"])
    assert not (tmp_path / "not made yet").exists()
    if mutator._agent.bwrap:
        assert seen == [["planted"], None]
        assert os.listdir(ledger) == ["HEAD"]
        assert "hidden from it: the ledger" in mutator.remarks()[0]
    else:
        assert seen == [["HEAD", "planted"], "forty-two"]
        assert "NOTHING IS HIDDEN" in mutator.remarks()[0]


def test_several_at_once_do_not_meet(desk: Desk) -> None:
    mutator = desk.mutator(str(desk.script('open("agent.txt", "a").write(os.getcwd())\ntime.sleep(0.2)')))
    with ThreadPoolExecutor(4) as pool:
        texts = {r.genome["agent.txt"] for r in pool.map(lambda _: answer(mutator, brief_of()), range(4))}
    assert len(texts) == 4


def test_closed_from_another_thread_it_stops_and_records_nothing(desk: Desk, tmp_path: Path) -> None:
    mutator = desk.mutator(str(desk.script(f'open("{tmp_path}/begun", "w").close()\ntime.sleep(600)')))

    def close() -> None:
        while not (tmp_path / "begun").exists():
            time.sleep(0.01)
        mutator.close()

    thread = threading.Thread(target=close)
    thread.start()
    with pytest.raises(Halt, match="stopped"):
        answer(mutator, brief_of())
    thread.join()


def test_what_a_killed_process_has_left_is_swept_away(desk: Desk, tmp_path: Path) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    left, used = (tmp_path / "tmp" / f"evolve-agent-{pid}-x" for pid in (dead.pid, os.getpid()))
    for folder in (left, used):
        (folder / "checkout").mkdir(parents=True)
    desk.mutator("true")
    assert not left.exists()
    assert used.exists()
    (used / "checkout").rmdir()
    used.rmdir()


def test_no_room_for_a_checkout_halts(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("evolve.mutators.command.checkout.fill", full)
    with pytest.raises(Halt, match="No space left"):
        desk.ask(EDITS)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (
            {"command": ""},
            "mutator=command needs mutator.command='…': for example mutator.command='claude -p {brief}'.",
        ),
        ({"command": "sh -c 'x"}, "no closing quotation"),
        ({"command": "no-such-agent-here -p {brief}"}, "'no-such-agent-here' is not on the PATH. Install it, or give"),
        ({"command": "/no/such/agent"}, "'/no/such/agent' is no program that can be started"),
        ({"command": "true", "seconds": 0.0}, "mutator.seconds=0 is no clock"),
        ({"command": "true", "seconds": float("nan")}, "mutator.seconds=nan is no clock"),
        ({"command": "true", "brief": 10}, "mutator.brief=10 is too short"),
    ],
)
def test_what_cannot_work_is_said_before_anything_is_spent(settings: Mapping[str, object], says: str) -> None:
    with pytest.raises(UsageError) as caught:
        Command.make(Workshop(Toy(), MutatorSettings(**settings)))  # type: ignore[arg-type]
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_how_a_known_agent_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UsageError, match=r"'claude' is not on the PATH. Install it \(npm install"):
        Command.make(Workshop(Toy(), MutatorSettings(command="claude -p {brief}")))


def test_a_whole_run(desk: Desk) -> None:
    nearer = """
number = float(open("agent.txt").read())
open("agent.txt", "w").write(repr(number + (0.5 if number < 3 else -0.5)) + "\\n")
open(".evolve/HYPOTHESIS.md", "w").write(f"half a step on from {number:g}")
"""
    settings = Settings(
        domain="toy",
        run=RunSettings(generations=4, baselines=["frozen"], preflight=False),
        selection=SelectionSettings(rewrite=2, donors=1),
        acceptance=AcceptanceSettings(method=Method.greedy),
        mutator=MutatorSettings(name="command", command=str(desk.script(nearer)), concurrency=2),
    )

    def mutate() -> Command:
        made = Command.make(Workshop(toy, settings.mutator))
        desk.made.append(made)
        return made

    toy, workers = Toy(ToySettings()), LocalWorkers(2)
    try:
        record = Run(settings, toy, mutate, workers, SEEDS).execute().record
    finally:
        workers.close()
    assert [a.verdict for a in record.attempts] == ["keep"] * 8
    assert record.attempts[-1].rewrite.hypothesis.startswith("half a step on from ")


AROUND = {
    "lib/data.bin": b"\0\1", "lib/used.txt": b"used\n", "lib/tool.sh": b"#!/bin/sh\necho 4.0\n", "agent.txt": b"9.0\n",
    ".github/ci.yml": b"on: push\n", "old.txt": b"gone with an earlier child\n",
}  # fmt: skip


@pytest.fixture
def around(tmp_path: Path) -> Around:
    folder = tmp_path / "around"
    for path, data in AROUND.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    (folder / "lib" / "tool.sh").chmod(0o555)
    (folder / "lib" / "link").symlink_to("used.txt")
    (folder / "lib").chmod(0o555)
    return Around(folder, frozenset({"agent.txt", "old.txt"}))


def test_an_agent_finds_what_stands_around_a_genome_and_may_use_it(desk: Desk, around: Around) -> None:
    script = desk.script("test ! -e old.txt && test -L lib/link && lib/tool.sh > agent.txt", shell=True)
    rewrite = answer(desk.mutator(str(script), around=around), brief_of())
    assert dict(rewrite.genome) == {**PARENT, "agent.txt": "4.0\n"}
    assert "discarded" not in rewrite.hypothesis


def test_what_the_repository_around_ignores_is_no_part_of_a_child(desk: Desk, around: Around) -> None:
    (around.folder / "notes").mkdir()
    (around.folder / "notes" / ".gitignore").write_text("*.out\n", encoding="utf-8")
    body = f"{EDITS}open('notes/.gitignore', 'w').write('')\nopen('notes/x.out', 'w').write('x')"
    mutator = desk.mutator(str(desk.script(body)), around=around)
    assert "notes/x.out" not in answer(mutator, brief_of()).genome


def test_what_an_agent_changed_around_is_discarded_and_told(desk: Desk, around: Around) -> None:
    body = "echo 4.0 > agent.txt; echo x >> lib/used.txt; rm lib/data.bin; ln -sf /etc/passwd lib/link; rm -r .github"
    script = desk.script(f"{body}; chmod 600 lib/tool.sh; echo 2 > lib/new.txt", shell=True)
    rewrite = answer(desk.mutator(str(script), around=around, editable=Globs(("agent.txt", "lib/**"))), brief_of())
    assert dict(rewrite.genome) == {**PARENT, "agent.txt": "4.0\n", "lib/new.txt": "2\n"}
    for path in ("lib/used.txt", "lib/data.bin", "lib/link", ".github/ci.yml"):
        assert path in rewrite.hypothesis
    assert "tool.sh" not in rewrite.hypothesis
    assert (around.folder / "lib" / "used.txt").read_bytes() == AROUND["lib/used.txt"]
