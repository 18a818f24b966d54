"""The page, in a real browser: nothing hostile comes alive, every figure is drawn, on any screen, light and dark."""

from __future__ import annotations

import base64
import itertools
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from toy import SEEDS, Toy, guess

from evolve.config import AcceptanceSettings, Method, MutatorSettings, RunSettings, SelectionSettings, Settings
from evolve.genome import Genome
from evolve.ledger import Entry, Ledger
from evolve.report import Story, spent, write_report
from evolve.report.figures import evidence, progress
from evolve.report.html import page_of
from evolve.run import Run
from evolve.substrate import Brief, Chart, Findings, Picture, Record, Rewrite, Table
from evolve.testing import Scripted
from evolve.workers import LocalWorkers, Usage

HOSTILE = "</script><script>document.title='owned'</script><img src=x onerror=document.title='owned'>"
SVG = f"<svg xmlns='http://www.w3.org/2000/svg'>{HOSTILE}</svg>"
FLOOR = 0.25
NEEDS = "needs Debian's chromium and chromium-driver: apt install chromium chromium-driver"
CALLS = [
    {"model": HOSTILE, "text": HOSTILE, "prompt_tokens": 900, "answer_tokens": 100, "usd": 0.25, "seconds": 2.0},
    {"model": HOSTILE, "failed": "500", "prompt_tokens": 0, "answer_tokens": 0, "usd": 0.0, "seconds": 1.0},
    {"model": HOSTILE, "text": "again", "prompt_tokens": 900, "answer_tokens": 100, "usd": 0.25, "paid": False},
    {"model": "b", "text": "yes", "prompt_tokens": 10, "answer_tokens": 5, "usd": 0.5, "seconds": 1.5},
]


class Loud(Toy):
    """Says hostile things wherever a domain may say something."""

    def findings(self, record: Record) -> Findings:
        lines = (("one " + HOSTILE, (1.0, None, 3.0)), ("two", (2.0, 2.5, 2.0)))
        return Findings(
            f"There is no evidence. {HOSTILE}",
            score=1.0,
            helped=False,
            tables=(Table(HOSTILE, ("name", HOSTILE), ((HOSTILE, 1.5),)),),
            notes=(HOSTILE,),
            charts=(Chart("A chart", HOSTILE, ("2001-01-01", "2001-02-01", "2001-03-01"), "units", lines),),
            pictures=(Picture(HOSTILE, HOSTILE, SVG),),
        )


def script(brief: Brief) -> list[Rewrite]:
    number = float(brief.parent["agent.txt"].split()[0])
    if len(brief.past) == 1:
        return [Rewrite(Genome({"agent.txt": HOSTILE}), f"fails {HOSTILE}")]
    donors = tuple(brief.donors)[: brief.generation % 2]
    return [Rewrite(guess(number + 0.5 * (1 if number < 3 else -1)), f"steps {HOSTILE}", donors=donors, expected=0.5)]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    settings = Settings(
        domain="toy",
        run=RunSettings(generations=5, baselines=["frozen", "greedy"]),
        selection=SelectionSettings(rewrite=2, donors=2),
        acceptance=AcceptanceSettings(method=Method.greedy),
        mutator=MutatorSettings(name=HOSTILE),
    )
    toy, workers = Loud(), LocalWorkers(2)
    with Ledger.open(folder / "l.git", "run") as ledger:
        begun = {
            "settings": {"mutator": {"name": HOSTILE}},
            "domain": "toy",
            "metric": vars(replace(toy.metric, honest=HOSTILE)),
            "clock": vars(toy.clock),
            "preflight": [{"name": "A/A", "said": HOSTILE, "floor": FLOOR}],
        }
        ledger.append(Entry("run", "run", begun), summary="run")
        for number, call in enumerate(CALLS):
            ledger.append(Entry("call", str(number), call), summary="model: said")
        ledger.append(Entry("page", "page", {"generation": 1, "text": f"# What worked {HOSTILE}"}), summary="playbook")
        Run(settings, toy, lambda: Scripted(script), workers, SEEDS, name="run", journal=ledger).execute()
    workers.close()
    story = write_report(folder / "l.git", "run", folder / "out")
    assert story.kept
    assert story.failed
    return folder / "out" / "report.html"


def test_effects_over_noise_are_drawn_where_there_is_noise(page: Path) -> None:
    story = Story.read(page.parents[1] / "l.git", "run")
    assert evidence(story) is None
    noisy = replace(story, tries=(replace(story.tries[0], effect=1.0, noise=0.5), *story.tries[1:]))
    drawn = evidence(noisy)
    assert drawn is not None
    assert [list(trace["y"]) for trace in drawn.traces] == [[2.0]]


def test_the_noise_floor_is_a_band_where_it_is_known(page: Path) -> None:
    story = Story.read(page.parents[1] / "l.git", "run")
    assert story.floor == FLOOR
    drawn = progress(story)
    (band,) = [trace for trace in drawn.traces if trace.get("fillcolor") == "band"]
    assert "noise floor, 0.25 to either side" in drawn.said
    (line,) = [t for t in drawn.traces if t.get("line", {}).get("width") == 2.5]
    half = len(band["y"]) // 2
    above, below = (
        list(zip(band["x"], band["y"], strict=True))[:half],
        list(zip(band["x"], band["y"], strict=True))[half:],
    )
    assert above == [(x, y + 2 * FLOOR) for x, y in reversed(below)]
    for x, y in zip(line["x"], line["y"], strict=True):
        assert (x, y + FLOOR) in above
    steps = [(a, b) for a, b in itertools.pairwise(above) if a[0] != b[0]]
    assert all(a[1] == b[1] for a, b in steps), "a line of steps is level between them"
    unknown = progress(replace(story, preflight=[{"name": "A/A", "said": "as ever"}]))
    for other in (unknown, progress(replace(story, metric=replace(story.metric, effect="logarithms")))):
        assert not [t for t in other.traces if "fillcolor" in t]
        assert "noise floor" not in other.said


def test_how_slots_were_used_is_told_where_there_is_a_clock_of_seconds(page: Path) -> None:
    ledger = page.parents[1] / "l.git"
    story = Story.read(ledger, "run")
    assert story.usage is None
    assert "<dt>slots</dt>" not in page.read_text(encoding="utf-8")
    assert "<dt>slots</dt><dd>slots were busy 90 % of the time</dd>" in page_of(
        ledger, replace(story, usage=Usage(10.0, 9.0))
    )


def test_what_is_told_is_what_was(page: Path) -> None:
    story = Story.read(page.parents[1] / "l.git", "run")
    assert story.generations == 5
    assert len(story.seeds) == 4
    assert {t.verdict for t in story.tries} >= {"keep", "refused"}
    assert any(len(t.parents) == 2 for t in story.tries), "no crossover"
    assert sum(story.begins[-1:]) == len(story.tries)
    assert len(story.best) == 5
    assert set(story.baselines) == {"frozen", "greedy"}


def test_what_a_champion_was_chosen_on(page: Path) -> None:
    """Its trial's score; where trials have none, as in games between engines, what it was first measured at."""
    read = Story.read(page.parents[1] / "l.git", "run")
    story = replace(read, measured=[dict.fromkeys(read.seeds, 100.0 + g) for g in range(read.generations)])
    unscored = replace(story, tries=tuple(replace(t, score=None) for t in story.tries))
    assert {t.generation for t in story.kept} > {story.generations - 1}
    for t in story.kept:
        assert story.chosen_on(t.lineage, t.genome) == t.score
        measured = t.generation + 1 < story.generations
        assert unscored.chosen_on(t.lineage, t.genome) == (101.0 + t.generation if measured else None)
    assert story.chosen_on("a", "its seed") == 100.0


def test_the_headline_says_what_the_score_is(page: Path) -> None:
    ledger = page.parents[1] / "l.git"
    story = Story.read(ledger, "run")
    assert story.findings is not None
    assert f"{story.metric.name} at the end" in page_of(ledger, story)
    gained = replace(story, findings=replace(story.findings, score=1979.6, scored="Elo gained"))
    assert "Elo gained" in page_of(ledger, gained)
    assert "1,980" in page_of(ledger, gained)
    assert f"{story.metric.name} at the end" not in page_of(ledger, gained)


def test_what_models_took_is_told(page: Path) -> None:
    story = Story.read(page.parents[1] / "l.git", "run")
    first, second = story.asked
    assert (first.calls, first.failed, first.remembered, first.prompt_tokens, first.usd) == (2, 1, 1, 900, 0.25)
    assert second.seconds == 1.5
    assert story.cost == {"calls": 3, "tokens": 1015, "usd": 0.75}
    assert spent(story) == "3 calls, 1,015 tokens, 0.75 US dollars"
    unknown = replace(story, asked=(first, replace(second, usd=None)))
    assert "money that is not known" in spent(unknown)
    text = page.read_text(encoding="utf-8")
    assert "What language models were asked" in text
    assert "# What worked &lt;/script&gt;" in text


def test_nothing_hostile_is_markup(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert HOSTILE not in text
    assert "&lt;/script&gt;&lt;script&gt;" in text, "it should be there, as text"
    assert text.count("<script") == 3
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)
    assert policy is not None
    assert "default-src &#39;none&#39;" in policy[1]
    assert not re.search(r'(?:src|href)="(?!data:)', text.replace("image/svg+xml", "")[: text.index("Plotly") - 1000])


def test_a_picture_is_an_image_whatever_is_in_it(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    drawn = base64.b64encode(SVG.encode()).decode()
    assert f'<img src="data:image/svg+xml;base64,{drawn}"' in text
    assert SVG not in text


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if shutil.which("chromium") is None or shutil.which("chromedriver") is None:
        pytest.skip(NEEDS)
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for flag in (
        "headless=new", "no-sandbox", "disable-gpu", "no-first-run", "disable-quic", "disable-sync",
        "disable-background-networking", "disable-component-update", "enable-unsafe-swiftshader",
    ):  # fmt: skip
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    yield driver
    driver.quit()


def opened(browser: Any, page: Path, width: int = 1100, dark: bool = False) -> Any:
    scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(page.as_uri())
    end = time.monotonic() + 60
    while not browser.execute_script("return document.documentElement.dataset.drawn"):
        assert time.monotonic() < end, browser.get_log("browser")
        time.sleep(0.05)
    return browser


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1100])
def test_every_figure_is_drawn_on_every_screen(browser: Any, page: Path, width: int, dark: bool) -> None:
    opened(browser, page, width, dark)
    assert browser.get_log("browser") == []
    assert "run: evolve" in browser.title, "a script of the genome's ran"
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    plots = browser.execute_script(
        "return [...document.querySelectorAll('.plot')]"
        ".map(p => [p.id, p.dataset.drawn, p.querySelectorAll('path').length])"
    )
    assert {name for name, *_ in plots} == {
        "plot-progress", "plot-tree", "plot-held_out", "plot-chart0"
    }, "scores without noise have no effect over noise"  # fmt: skip
    assert all(drawn == "yes" and paths > 2 for _, drawn, paths in plots), plots


def luminance(color: str) -> float:
    found = [float(part) / 255 for part in re.findall(r"[\d.]+", color)[:3]]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in found]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("dark", [False, True])
def test_text_can_be_read_in_light_and_dark(browser: Any, page: Path, dark: bool) -> None:
    """The contrast that WCAG 2.2 asks of text: 4.5."""
    opened(browser, page, dark=dark)
    paper = luminance(browser.execute_script("return getComputedStyle(document.body).backgroundColor"))
    assert (paper < 0.1) == dark
    inks = browser.execute_script(
        "return ['h1', 'p', '.soft', 'figcaption', 'td', 'summary']"
        ".map(s => getComputedStyle(document.querySelector(s)).color)"
        ".concat([...document.querySelectorAll('.plot text')].map(t => getComputedStyle(t).fill))"
    )
    assert len(inks) > 20
    for ink in set(inks):
        one, two = sorted((luminance(ink), paper))
        assert (two + 0.05) / (one + 0.05) >= 4.5, ink


def test_the_tree_zooms(browser: Any, page: Path) -> None:
    opened(browser, page)
    span = "const r = document.getElementById('plot-tree')._fullLayout.xaxis.range; return r[1] - r[0]"
    before = browser.execute_script(span)
    browser.execute_script(
        "const b = document.getElementById('plot-tree'); b.scrollIntoView({block: 'center'});"
        "const d = b.querySelector('.nsewdrag'), r = d.getBoundingClientRect();"
        "for (let i = 0; i < 5; i++) d.dispatchEvent(new WheelEvent('wheel', {bubbles: true, cancelable: true,"
        " deltaY: -200, clientX: r.x + r.width / 2, clientY: r.y + r.height / 2}))"
    )
    end = time.monotonic() + 20
    while browser.execute_script(span) >= before:
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_run_that_has_not_ended_has_a_page(tmp_path: Path) -> None:
    toy, workers = Toy(), LocalWorkers(1)
    settings = Settings(domain="toy", run=RunSettings(generations=1))
    with Ledger.open(tmp_path / "l.git", "cut") as ledger:
        ledger.append(Entry("run", "run", {"settings": {}, "domain": "toy"}), summary="run")
        run = Run(settings, toy, lambda: Scripted(script), workers, SEEDS, name="cut", journal=ledger)
        run.stop("stopped by hand")
        run.execute()
    workers.close()
    write_report(tmp_path / "l.git", "cut", tmp_path)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "The run has not ended: python -m evolve resume=cut" in text
