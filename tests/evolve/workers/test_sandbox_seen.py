"""What a trial sees of the host: files it shares, folders that change meanwhile, and what is hidden in all of it."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.jobs import Limits
from evolve.workers.sandbox import Sandbox, gpu, seccomp, view
from evolve.workers.sandbox.hidden import places, within

NEEDS = "the sandbox's tests need bubblewrap: apt-get install bubblewrap"
WIDE = 10.0
LONG = Limits(seconds=30.0, processes=32, memory_mb=512)


@pytest.fixture(scope="module", params=["bwrap", "plain"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    if request.param == "bwrap" and shutil.which("bwrap") is None:
        pytest.skip(NEEDS)
    box = Sandbox.find(request.param)
    yield box
    box.close()


@pytest.fixture(scope="module")
def bubble() -> Iterator[Sandbox]:
    if shutil.which("bwrap") is None:
        pytest.skip(NEEDS)
    box = Sandbox.find("bwrap")
    yield box
    box.close()


def python(code: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", code]


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + WIDE
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def writable(path: Path, content: str = "") -> Path:
    path.write_text(content)
    path.chmod(0o666)
    return path


@pytest.mark.parametrize("where", ["", "/dev/shm"])
def test_a_shared_file_is_one_file(sandbox: Sandbox, tmp_path: Path, where: str) -> None:
    """Below a folder that is closed to others; both sides map it, and see what the other writes."""
    closed = Path(where or tmp_path, f"closed-{os.getpid()}")
    closed.mkdir(mode=0o700)
    try:
        file = writable(closed / "shared", "0" * 16)
        code = f"""
import mmap, time
with open({str(file)!r}, "r+b") as stream:
    held = mmap.mmap(stream.fileno(), 16)
    for turn in range(1, 20, 2):
        while held[0] != 48 + turn: time.sleep(0.002)
        held[0] = 48 + turn + 1"""
        running = sandbox.start(python(code), LONG, shared=[file])
        for turn in range(0, 20, 2):
            until(lambda turn=turn: file.read_bytes()[0] == 48 + turn)  # type: ignore[misc]
            with file.open("r+b") as stream:
                stream.write(bytes([48 + turn + 1]))
        assert running.result().ok, running.result()
        assert file.read_bytes()[0] == 48 + 20
        assert os.listdir(closed) == ["shared"]
    finally:
        shutil.rmtree(closed)


def test_a_shared_file_grows_only_so_far(sandbox: Sandbox, tmp_path: Path) -> None:
    file = writable(tmp_path / "shared")
    code = f"open({str(file)!r}, 'wb').write(bytes(3 << 20))"
    assert "2 MB" in sandbox.run(python("import signal; signal.signal(25, 0); " + code), _small(), shared=[file]).reason
    assert file.stat().st_size == 2 << 20
    code = f"import os; os.truncate({str(file)!r}, 3 << 20)"
    assert not sandbox.run(python(code), _small(), shared=[file]).ok
    assert file.stat().st_size == 2 << 20


def _small() -> Limits:
    return Limits(seconds=20.0, file_mb=2)


def test_only_the_shared_file_can_be_written(bubble: Sandbox, tmp_path: Path) -> None:
    """Not those beside it in a visible folder, and nothing instead of it."""
    tmp_path.chmod(0o777)
    file, other = writable(tmp_path / "shared"), writable(tmp_path / "other", "kept")
    code = f"""
import os
open({str(file)!r}, "w").write("said")
for act in (lambda: open({str(other)!r}, "w"), lambda: os.unlink({str(file)!r}),
            lambda: os.rename({str(file)!r}, {str(tmp_path / "new")!r}), lambda: open({str(tmp_path / "new")!r}, "w")):
    try: act()
    except OSError as error: print(type(error).__name__)"""
    ran = bubble.run(python(code), LONG, visible=[tmp_path], shared=[file])
    assert len(ran.stdout.split()) == 4, ran
    assert (file.read_text(), other.read_text(), sorted(os.listdir(tmp_path))) == ("said", "kept", ["other", "shared"])


def test_what_cannot_be_shared_or_hidden_is_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(writable(tmp_path / "file"))
    os.mkfifo(tmp_path / "pipe")
    for bad in (tmp_path, tmp_path / "link", tmp_path / "pipe"):
        with pytest.raises(ValueError, match="no regular file"):
            sandbox.run(["true"], LONG, shared=[bad])
    for bad in (tmp_path / "none", Path("relative"), Path("/proc/self/stat"), Path("/dev/null")):
        with pytest.raises(ValueError, match="cannot be shown"):
            sandbox.run(["true"], LONG, shared=[bad])
    for bad in (Path("relative"), Path("/"), Path("/usr"), Path("/usr/../usr"), Path("/a\0b")):
        with pytest.raises(ValueError, match="cannot be hidden"):
            sandbox.run(["true"], LONG, hidden=[bad])


def test_what_comes_into_a_visible_folder_is_seen(sandbox: Sandbox, tmp_path: Path) -> None:
    shown, aside, said = tmp_path / "shown", tmp_path / "aside", writable(tmp_path / "said")
    shown.mkdir()
    aside.write_text("late")
    code = f"""
import os, time
open({str(said)!r}, "w").write("there")
while not os.path.exists({str(shown / "new")!r}): time.sleep(0.002)
print(open({str(shown / "new")!r}).read())"""
    running = sandbox.start(python(code), LONG, visible=[shown], shared=[said])
    until(lambda: said.read_text() == "there")
    (shown / "new").hardlink_to(aside)
    assert running.result().stdout == b"late\n"


def test_what_is_hidden_is_empty_by_every_way(bubble: Sandbox, tmp_path: Path) -> None:
    shown = tmp_path / "shown"
    (shown / "deep" / "er").mkdir(parents=True)
    for path in ("a", "deep/b", "deep/er/c", "open"):
        (shown / path).write_text("secret")
    (shown / "link").symlink_to("a")
    (shown / "around").symlink_to("deep")
    (tmp_path / "other").symlink_to(shown)
    code = f"""
import glob, json, os, subprocess
seen = {{}}
for root in ("", "/proc/self/root", "/proc/1/root", f"/proc/{{os.getppid()}}/root"):
    for at in ({str(shown)!r}, {str(tmp_path / "other")!r}):
        for name in ("a", "link", "deep/b", "around/b", "deep/er/c", "around/er/c", "open", "deep/../a"):
            try: seen[root + at + "/" + name] = open(root + at + "/" + name).read()
            except OSError as error: seen[root + at + "/" + name] = type(error).__name__
places = [{str(shown / "a")!r}, {str(shown / "deep")!r}]
tried = [["umount", *how, place] for place in places for how in ([], ["-l"])]
tried += [["mount", "--bind", {str(shown)!r}, "/tmp"]]
took = [subprocess.run(words, capture_output=True).returncode for words in tried]
for place in places:
    for act in (lambda: os.chmod(place, 0o777), lambda: os.unlink(place), lambda: os.rmdir(place),
                lambda: open(place, "w"), lambda: open(place + "/x", "w"), lambda: os.rename(place, place + "x")):
        try: act(); took.append(0)
        except OSError: took.append(1)
owner = [os.stat(place).st_uid != os.getuid() for place in places]
print(json.dumps([seen, took, os.listdir(places[1]), open(places[0]).read(), owner]))"""
    hidden = [tmp_path / "other" / "a", shown / "deep", shown / "deep" / "b", tmp_path / "nothing", shown / "no" / "no"]
    ran = bubble.run(python(code), LONG, visible=[shown, tmp_path / "other"], hidden=hidden)
    assert ran.ok, ran
    seen, took, listed, said, owner = json.loads(ran.stdout)
    read = {path for path, content in seen.items() if content == "secret"}
    assert read
    assert all(path.endswith("/open") for path in read), read
    assert seen[f"{shown}/a"] == seen[f"{shown}/link"] == seen[f"{tmp_path}/other/a"] == ""
    assert seen[f"{shown}/deep/b"] == "FileNotFoundError"
    assert (listed, said, 0 in took) == ([], "", False), took
    assert all(owner) or os.getuid(), "root's, where there is one"
    assert (shown / "a").read_text() == (shown / "deep" / "b").read_text() == "secret"
    after = bubble.run(["cat", str(shown / "a")], LONG, visible=[shown])
    assert after.stdout == b"secret", "hidden from one trial, not from the next"


def test_the_systems_and_pythons_files_can_be_hidden(bubble: Sandbox) -> None:
    module, program, folder = Path(os.__file__).with_name("this.py"), Path("/bin/sleep"), Path("/usr/include")
    hidden = [module, program, *([folder] if folder.is_dir() else [])]
    code = f"""
import os
print(*(os.stat(path).st_size for path in ({str(module)!r}, "/usr/bin/sleep", "/bin/sleep")))
print(os.path.isdir({str(folder)!r}) and os.listdir({str(folder)!r}))"""
    ran = bubble.run(python(code), LONG, hidden=hidden)
    assert ran.stdout == f"0 0 0\n{[] if folder.is_dir() else False}\n".encode(), ran


def test_hidden_goes_before_visible_and_before_shared(bubble: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    file, folder = writable(tmp_path / "file", "x"), tmp_path / "in"
    (folder / "a").write_text("x")
    ran = bubble.run(["ls", str(folder), str(file)], LONG, visible=[folder], shared=[file], hidden=[tmp_path])
    assert ran.ok, ran
    code = f"import os; print(os.listdir({str(folder)!r}), open({str(file)!r}).read())"
    ran = bubble.run(python(code), LONG, visible=[folder], shared=[file], hidden=[tmp_path])
    assert ran.stdout == b"[] \n", ran


def test_packages_that_are_not_there_need_no_cover(bubble: Sandbox) -> None:
    inside = Path(pytest.__file__)
    ran = bubble.run(["true"], LONG, packages=False, hidden=[inside, inside.parent, Path("/usr/games/none")])
    assert ran.ok, ran


def test_hundreds_of_hidden_files(bubble: Sandbox, tmp_path: Path) -> None:
    files = [
        tmp_path / f"folder {n % 7}" / f"a name that is rather long, so that arguments get long too {n}"
        for n in range(600)
    ]
    tmp_path.chmod(0o755)
    for file in files:
        file.parent.mkdir(exist_ok=True)
        file.write_text("secret")
    ran = bubble.run(["find", str(tmp_path), "-type", "f", "-empty"], LONG, visible=[tmp_path], hidden=files[100:])
    assert len(ran.stdout.splitlines()) == 500
    ran = bubble.run(["grep", "-rl", "secret", str(tmp_path)], LONG, visible=[tmp_path], hidden=files[100:])
    assert len(ran.stdout.splitlines()) == 100


def test_the_trial_is_not_told_what_it_is_shown_by_pid_1(bubble: Sandbox, tmp_path: Path) -> None:
    ran = bubble.run(["cat", "/proc/1/cmdline"], LONG, visible=[tmp_path])
    assert b"bwrap" in ran.stdout
    assert str(tmp_path).encode() not in ran.stdout


def test_too_many_paths_are_refused(bubble: Sandbox, tmp_path: Path) -> None:
    file = writable(tmp_path / "a")
    with pytest.raises(ValueError, match="too many paths"):
        bubble.run(["true"], LONG, visible=[file] * 4000)


_NAMES = st.lists(st.sampled_from("ab"), min_size=1, max_size=4).map(lambda parts: "/".join(parts))


@given(st.lists(_NAMES, max_size=4), st.lists(_NAMES, max_size=3), st.lists(_NAMES, max_size=2))
def test_every_place_of_what_is_hidden_is_covered_once(
    tmp_path_factory: pytest.TempPathFactory, hidden: list[str], bound: list[str], emptied: list[str]
) -> None:
    """In a tree of folders where every leaf is a file."""
    root = tmp_path_factory.getbasetemp() / "tree"
    if not root.exists():
        for path in (f"{a}/{b}/{c}" for a in "ab" for b in "ab" for c in "ab"):
            (root / path).mkdir(parents=True)
            for name in "ab":
                (root / path / name).touch()
    at, shown, bare = ([str(root / path) for path in some] for some in (hidden, bound, emptied))
    folders, files = places(at, shown, bare)
    everything = [str(path) for path in root.rglob("*")]
    for path in everything:
        seen = any(within(path, place) for place in shown)
        gone = any(within(path, place) for place in (*folders, *bare)) or path in files
        if seen and any(within(path, secret) for secret in at):
            assert gone
        elif gone and not any(within(path, place) for place in bare):
            # A folder above what is visible is hidden by what is visible of it.
            assert any(within(path, secret) for secret in at)
    covers = [*folders, *files]
    assert not any(within(a, b) for a in covers for b in (*covers, *bare) if a is not b)
    assert all(Path(f).is_dir() for f in folders)
    assert all(Path(f).is_file() for f in files)


def test_a_trial_with_a_gpu_may_do_what_its_driver_must(bubble: Sandbox) -> None:
    code = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
print(libc.memfd_create(b"a", 0) >= 0)
open("/proc/self/task/%d/comm" % libc.gettid(), "w").write("cuda")"""
    ran = bubble.run(python(code), LONG, devices=["cuda:0"])
    assert ran.stdout == b"True\n", ran
    if seccomp.program() is not None:
        assert bubble.run(python(code), LONG).stdout == b"False\n"
    assert bubble.run(["ls", "/sys/devices"], LONG, devices=["cuda:0"]).ok


def test_libraries_in_sight_are_passed_on_to_gpus(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shown, hidden = tmp_path / "shown", tmp_path / "hidden"
    for folder in (shown / "lib", hidden):
        folder.mkdir(parents=True)
    monkeypatch.setattr(gpu, "_LIBRARIES", (str(shown),))
    monkeypatch.setenv("LD_LIBRARY_PATH", f"{hidden}:{shown}/lib:relative::{tmp_path}/nothing")
    assert gpu.variables([], []) == {}
    assert gpu.variables(["cuda:0"], [str(shown)])["LD_LIBRARY_PATH"] == f"{shown}/lib:{shown}"
    assert gpu.variables(["cuda:0"], None)["LD_LIBRARY_PATH"] == f"{hidden}:{shown}/lib:{shown}"
    assert "LD_LIBRARY_PATH" not in gpu.variables(["cuda:0"], ["/usr/share"])


def test_gpus_are_named_as_the_trial_finds_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In a container with the second and the fourth GPU of its machine."""
    dev, driver = tmp_path / "dev", tmp_path / "gpus"
    dev.mkdir()
    for name in ("nvidia1", "nvidia3", "nvidiactl", "nvidia-uvm"):
        (dev / name).touch()
    monkeypatch.setattr(gpu, "_present", lambda look=gpu._present: look(dev))
    monkeypatch.setattr(gpu, "_uuids", lambda look=gpu._uuids: look(driver))
    assert "/dev/nvidia3" in gpu.arguments(["cuda:1"])
    assert "/dev/nvidia1" not in gpu.arguments(["cuda:1"])
    assert gpu.arguments([]) == []
    inside, outside = (lambda *d, seen=seen: gpu.variables(d, seen)["CUDA_VISIBLE_DEVICES"] for seen in ([], None))
    assert (inside("cuda:1"), inside("cuda:1", "cuda:0"), outside("cuda:1")) == ("0", "1,0", "1")
    for minor, bus in ((3, "a"), (1, "b")):
        (driver / bus).mkdir(parents=True)
        (driver / bus / "information").write_text(
            f"Model: \t\t X\nGPU UUID: \t GPU-00{minor}a-1\nBus Type: \t PCIe\nDevice Minor: \t {minor}\n"
        )
    assert inside("cuda:1") == outside("cuda:1") == "GPU-003a-1"
    (driver / "a" / "information").write_text("GPU UUID: \t GPU-????????-????\nDevice Minor: \t 3\n")
    assert (inside("cuda:1"), outside("cuda:1")) == ("0", "1")


def test_a_view_says_what_it_is_of(tmp_path: Path) -> None:
    seen = view.View([str(tmp_path)], hidden=[str(tmp_path / "none")], packages=False)
    assert {str(tmp_path), "/usr"} <= set(seen.bound())
    assert seen.covered() == ([], [])
    assert set(seen.emptied()) >= set(view.View(packages=False).emptied())
