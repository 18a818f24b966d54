"""The canvas: the seed against the reference, jobs that never change, and controls that do what they claim.

EVOLVE_SCENES=5000 asks for a larger agreement run than the suite's 300 scenes.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.genome import Genome
from evolve.substrate import Control
from substrates.rendering import reference
from substrates.rendering.canvas import Canvas
from substrates.rendering.canvas_by_hand import by_hand
from substrates.rendering.task import Job

SEED = Path(__file__).parents[3] / "populations" / "rendering" / "canvas" / "canvas"
SCENES = int(os.environ.get("EVOLVE_SCENES", "300"))

DRIVER = """
import json, sys, time
sys.path.insert(0, sys.argv[1])
import engine
for line in sys.stdin:
    begun = time.perf_counter()
    try:
        answer = engine.draw(*json.loads(line)).hex()
    except ValueError:
        answer = b"!error".hex()
    print(time.perf_counter() - begun, answer, flush=True)
"""


class Engine:
    """A genome's engine in a process of its own: JSON lines in, hexadecimal bytes out."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-I", "-B", "-c", DRIVER, str(folder)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8", cwd=folder
        )

    def ask(self, args: Sequence[Any]) -> tuple[bytes, float]:
        """The answer, and what the engine's own clock says it took. Raises EOFError where it left instead."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(args) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        try:
            seconds, _, answer = line.rstrip("\n").partition(" ")
            return bytes.fromhex(answer), float(seconds)
        except ValueError:
            raise EOFError(line) from None

    def draw(self, scene: Any) -> bytes:
        return self.ask([scene])[0]

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture(scope="module")
def seed() -> Iterator[Engine]:
    engine = Engine(SEED)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def canvas() -> Canvas:
    return Canvas()


def expected(scene: Any) -> bytes:
    try:
        return reference.render(scene)
    except ValueError:
        return b"!error"


# Agreement.


def test_the_seed_agrees_with_the_reference(seed: Engine, canvas: Canvas) -> None:
    wrong = [job.args for job in canvas.jobs(1, SCENES) if seed.draw(*job.args) != job.expected]
    assert not wrong, f"{len(wrong)} of {SCENES} differ, the first: {wrong[0]}"


def test_the_seed_agrees_on_the_visible_scenes(seed: Engine, canvas: Canvas) -> None:
    for job in canvas.visible():
        assert seed.draw(*job.args) == job.expected, job.args


near = st.integers(-1024, 8192) | st.integers(-8, 64).map(lambda n: 128 * n)
place = near | st.integers(-(1 << 20), 1 << 20)
size = st.integers(0, 4096) | st.integers(0, 32).map(lambda n: 128 * n) | st.integers(0, 1 << 20)
point = st.tuples(place, place).map(list)
byte = st.integers(0, 255)
colour = st.lists(byte, min_size=3, max_size=3)
stops = st.lists(st.tuples(st.integers(0, 256), colour).map(list), min_size=1, max_size=4).map(sorted)
paint = colour | st.fixed_dictionaries({"from": point, "to": point, "stops": stops})
fields: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "rectangle": {"x": place, "y": place, "w": size, "h": size},
    "circle": {"x": place, "y": place, "r": size},
    "line": {"from": point, "to": point, "width": size},
    "triangle": {"points": st.lists(point, min_size=3, max_size=3)},
    "polygon": {"points": st.lists(point, max_size=8)},
}
shape = st.one_of(
    [
        st.fixed_dictionaries(
            {"kind": st.just(kind), "paint": paint, "alpha": byte, **own},
            optional={"clip": st.tuples(place, place, size, size).map(list)},
        )
        for kind, own in fields.items()
    ]
)
scenes = st.fixed_dictionaries(
    {
        "width": st.integers(0, 24),
        "height": st.integers(0, 24),
        "background": colour,
        "shapes": st.lists(shape, max_size=5),
    }
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=200)
@given(scenes)
def test_they_agree_on_any_scene(seed: Engine, scene: Any) -> None:
    pixels = seed.draw(scene)
    assert len(pixels) == 3 * scene["width"] * scene["height"]
    assert pixels == reference.render(scene)


@settings(max_examples=200)
@given(scenes, st.data())
def test_they_agree_on_a_scene_with_anything_in_one_place(seed: Engine, scene: Any, data: st.DataObject) -> None:
    """Mostly malformed: then both refuse; where it is not, both draw the same."""
    node, key = scene, data.draw(st.sampled_from(sorted(scene)))
    while isinstance(node[key], (dict, list)) and node[key] and data.draw(st.integers(0, 4)):
        node = node[key]
        key = data.draw(st.sampled_from(sorted(node)) if isinstance(node, dict) else st.integers(0, len(node) - 1))
    if data.draw(st.booleans()) and isinstance(node, dict):
        del node[key]
    else:
        node[key] = data.draw(anything | st.sampled_from([-1, 256, 1 << 20, (1 << 20) + 1]))
    if max((scene.get(side) for side in ("width", "height") if isinstance(scene.get(side), int)), default=0) > 64:
        return
    assert seed.draw(scene) == expected(scene)


@pytest.mark.parametrize("name", [name for name, scene in by_hand().items() if expected(scene) == b"!error"])
def test_malformed_scenes_raise_in_both(seed: Engine, name: str) -> None:
    scene = by_hand()[name]
    assert seed.draw(scene) == b"!error"
    with pytest.raises(ValueError, match="wanted"):
        reference.render(scene)


# What the format says, in cases that can be checked by eye.


def one(*shapes: dict[str, Any], width: int = 4, height: int = 3) -> dict[str, Any]:
    return {"width": width, "height": height, "background": [10, 20, 30], "shapes": list(shapes)}


def test_pixels_checked_by_hand(seed: Engine) -> None:
    """A centre on the left edge is in, on the right edge out; half of 110 over 10 is 60, rounded to the nearest."""
    box = {"kind": "rectangle", "paint": [110, 20, 0], "alpha": 128, "x": 384, "y": 128, "w": 512, "h": 1}
    b, c = bytes([10, 20, 30]), bytes([60, 20, 15])
    picture = b + c + c + b + 8 * b
    assert seed.draw(one(box)) == picture
    assert reference.render(one(box)) == picture


def test_a_gradient_checked_by_hand(seed: Engine) -> None:
    """Four centres, at 0, 64, 128 and 192 of 256 on the way from black to (256 - 1)."""
    ramp = {"from": [128, 0], "to": [1152, 0], "stops": [[0, [0, 0, 0]], [256, [255, 255, 255]]]}
    all_over = {"kind": "rectangle", "paint": ramp, "alpha": 255, "x": 0, "y": 0, "w": 1024, "h": 256}
    grey = bytes(level for level in (0, 64, 128, 191) for _ in range(3))
    assert seed.draw(one(all_over, height=1)) == grey
    assert reference.render(one(all_over, height=1)) == grey


@given(st.lists(point, min_size=3, max_size=3), st.randoms(use_true_random=False))
def test_a_triangle_is_a_polygon_of_three_either_way_round(seed: Engine, points: list[Any], rng: Any) -> None:
    base = {"paint": [200, 100, 0], "alpha": 99}
    picture = seed.draw(one({**base, "kind": "triangle", "points": points}, width=20, height=20))
    rng.shuffle(points)
    for kind in ("triangle", "polygon"):
        again = one({**base, "kind": kind, "points": points}, width=20, height=20)
        assert seed.draw(again) == reference.render(again) == picture


def test_shapes_that_share_an_edge_leave_no_seam(seed: Engine) -> None:
    base = {"kind": "triangle", "paint": [0, 0, 0], "alpha": 100}
    ends = [[2560, 0], [0, 2560]]
    halves = [{**base, "points": [corner, *ends]} for corner in ([0, 0], [2560, 2560])]
    square = {"kind": "rectangle", "paint": [0, 0, 0], "alpha": 100, "x": 0, "y": 0, "w": 2560, "h": 2560}
    assert seed.draw(one(*halves, width=10, height=10)) == seed.draw(one(square, width=10, height=10))


# Jobs.

VISIBLE = {
    "empty": "c11c41a72bdab475",
    "rectangles": "abf16be03aba0a73",
    "circles": "d5c616f3ef1267fc",
    "lines": "9a381b2403fa9bf7",
    "triangles that share edges": "d8c8197c846e005c",
    "a star, even-odd": "142f1401678b1636",
    "gradients": "a5b17aea3fde1ec8",
    "a landscape": "75fc30324108bda3",
    "nothing to see": "c11c41a72bdab475",
    "degenerate": "b95c8477978fee8e",
    "edges on pixel centres": "7a255c447e9401af",
    "far away": "b6a8191bdfa7e0d1",
    "no pixels": "e3b0c44298fc1c14",
    "one pixel": "8c6a0b7dc37fff14",
}
JOBS = "ae5ba62778b19a3a"
"""Of 20 jobs, scenes and bytes: the same on every machine and under every Python."""


def digest(*parts: bytes) -> str:
    return hashlib.sha256(b"/".join(parts)).hexdigest()[:16]


def test_the_visible_answers_are_these_bytes(canvas: Canvas) -> None:
    answers = dict(zip(by_hand(), (job.expected for job in canvas.visible()), strict=True))
    assert {name: digest(answer) for name, answer in answers.items() if answer != b"!error"} == VISIBLE


def test_equal_seeds_give_equal_jobs(canvas: Canvas) -> None:
    jobs = canvas.jobs(7, 20)
    assert jobs == canvas.jobs(7, 20)
    assert jobs[:5] == canvas.jobs(7, 5)
    assert not {text(job) for job in jobs} & {text(job) for job in canvas.jobs(8, 20)}
    assert digest(*(part for job in jobs for part in (text(job).encode(), job.expected))) == JOBS


def text(job: Job) -> str:
    return json.dumps(job.args, sort_keys=True)


def test_jobs_have_their_share_of_everything(canvas: Canvas) -> None:
    jobs = canvas.jobs(3, 300)
    drawn = [job.args[0] for job in jobs if job.expected != b"!error"]
    assert 0.03 < 1 - len(drawn) / len(jobs) < 0.1
    assert all(40 <= scene["width"] <= 80 and 30 <= scene["height"] <= 60 for scene in drawn)
    assert all(6 <= len(scene["shapes"]) <= 12 for scene in drawn)
    shapes = [shape for scene in drawn for shape in scene["shapes"]]
    assert {shape["kind"] for shape in shapes} == set(fields)
    assert {0, 255} < {shape["alpha"] for shape in shapes}
    assert any("clip" in shape for shape in shapes)
    assert any(isinstance(shape["paint"], dict) for shape in shapes)


def test_a_job_is_not_changed_by_drawing_it(canvas: Canvas) -> None:
    before = canvas.jobs(4, 3)
    for job in canvas.jobs(4, 3):
        expected(*job.args)
    assert canvas.jobs(4, 3) == before


# The seed's own promises.


def test_the_seed_is_plain_python_on_integers() -> None:
    own = {path.stem for path in SEED.glob("*.py")}
    for path in SEED.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            assert not isinstance(node, ast.Div | ast.Import), path
            assert not (isinstance(node, ast.Constant) and isinstance(node.value, float)), path
            assert not (isinstance(node, ast.ImportFrom) and node.module not in own), path


# Controls.


@pytest.fixture(scope="module")
def controls(canvas: Canvas) -> dict[str, Control]:
    genome = Genome({path.name: path.read_text(encoding="utf-8") for path in SEED.glob("*.py")})
    found = canvas.controls(genome)
    assert all(control.genome and control.genome.digest != genome.digest for control in found)
    assert {control.kind for control in found} == {"null", "worse", "cheat"}
    return {control.name.partition(": ")[2]: control for control in found}


@pytest.fixture
def start(controls: dict[str, Control], tmp_path: Path) -> Iterator[Any]:
    """Start a control's engine; `files` replace some of its own."""
    engines = []

    def begin(name: str, files: dict[str, str] | None = None) -> Engine:
        genome = controls[name].genome
        assert genome is not None
        for path, content in {**genome, **(files or {})}.items():
            (tmp_path / path).write_text(content, encoding="utf-8")
        engines.append(Engine(tmp_path))
        return engines[-1]

    yield begin
    for engine in engines:
        engine.close()


COUNTS = """
calls = 0

def draw(scene):
    global calls
    calls += 1
    return bytes([calls])
"""


@pytest.mark.parametrize("name", ["the seed with a remark", "draws every scene twice", "remembers scenes"])
def test_right_everywhere(start: Any, canvas: Canvas, name: str) -> None:
    engine = start(name)
    for job in canvas.visible() + canvas.jobs(2, 20):
        assert engine.draw(*job.args) == job.expected


def test_the_worse_one_draws_twice(start: Any) -> None:
    engine = start("draws every scene twice", {"inner_engine.py": COUNTS})
    assert [engine.draw({}) for _ in range(2)] == [b"\x02", b"\x04"]


def test_the_memoiser_draws_a_scene_once(start: Any) -> None:
    engine = start("remembers scenes", {"inner_engine.py": COUNTS})
    assert [engine.draw(scene) for scene in ({"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": 2})] == [b"\1", b"\1", b"\2"]


def test_the_table_is_right_on_the_visible_scenes_only(start: Any, canvas: Canvas) -> None:
    engine = start("a table of the visible answers")
    for job in canvas.visible():
        assert engine.draw(*job.args) == job.expected
    fresh = [job for job in canvas.jobs(2, 20) if job.expected != b"!error"]
    assert all(engine.draw(*job.args) != job.expected for job in fresh)


def test_without_blending_most_scenes_are_wrong(start: Any, canvas: Canvas) -> None:
    engine = start("no blending")
    jobs = canvas.jobs(2, 20)
    assert any(engine.draw(*job.args) != job.expected for job in canvas.visible())
    assert sum(engine.draw(*job.args) != job.expected for job in jobs) > len(jobs) / 2


def test_the_hanging_one_never_comes_back(start: Any, canvas: Canvas) -> None:
    engine = start("hangs on a polygon without area")
    scenes = by_hand()
    assert engine.draw(scenes["a landscape"]) == reference.render(scenes["a landscape"])
    with pytest.raises(subprocess.TimeoutExpired):
        engine.process.communicate(json.dumps([scenes["degenerate"]]) + "\n", timeout=0.7)
    jobs = canvas.jobs(2, 60)
    flat = '"points": []'
    assert any(flat in text(job) and job.expected != b"!error" for job in jobs), "60 jobs would not show it"


def test_the_clock_stopper_takes_no_time_by_its_own_clock(start: Any, canvas: Canvas) -> None:
    engine = start("stops the clocks")
    for job in canvas.visible():
        assert engine.ask(job.args) == (job.expected, 0.0)


def test_the_forger_leaves_files_and_no_answer(start: Any, tmp_path: Path) -> None:
    engine = start("writes its own result")
    with pytest.raises(EOFError, match="score"):
        engine.draw(by_hand()["empty"])
    assert engine.process.stdout
    assert "METRIC score=1e-9" in engine.process.stdout.read()
    assert engine.process.wait(timeout=10) == 0
    assert json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))["status"] == "ok"
