"""One generation: measure, ask, rewrite, try, decide, record. Nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from typing import Any, Protocol

import numpy as np

from evolve.acceptance import Acceptance, Schedule
from evolve.contest import Challenger, Contest, Ring
from evolve.errors import Halt, Spent
from evolve.genome import ANYTHING, Genome, Globs
from evolve.memory import Memory
from evolve.mutators import Mutator
from evolve.playbook import page
from evolve.population import Population
from evolve.selection import Selection
from evolve.substrate import Attempt, Brief, Case, Conditions, Duel, Outcome, Rewrite, Substrate, content_key
from evolve.workers import RecordedBench

__all__ = ["Parts", "Progress", "Scribe", "State", "close_open", "generation", "segment_of", "stream"]

Progress = Callable[[str, Mapping[str, Any]], None]


@dataclass(frozen=True)
class Parts:
    """What the loop is made of. `edits_of_seeds`: the mutator is given the seed, not the champion; `editable`: which
    files of a genome may differ from its parent's."""

    substrate: Substrate
    bench: RecordedBench
    memory: Memory
    selection: Selection
    mutator: Mutator
    acceptance: Acceptance
    schedule: Schedule
    seed: int
    bouts: int = 20
    concurrency: int = 8
    remeasure: int = 1
    edits_of_seeds: bool = False
    editable: Globs = ANYTHING
    progress: Progress = lambda kind, what: None


@dataclass
class State:
    """Everything that one generation hands to the next; the run owns it."""

    population: Population
    carried: dict[str, Any]
    generation: int = 0
    contests: list[Contest] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    history: list[tuple[str, dict[str, Outcome]]] = field(default_factory=list)
    keys: list[dict[str, str]] = field(default_factory=list)  # of the outcomes in history
    champions: list[dict[str, Genome]] = field(default_factory=list)
    states: list[dict[str, Any]] = field(default_factory=list)
    tried: set[str] = field(default_factory=set)
    past: dict[str, list[Attempt]] = field(default_factory=dict)  # the attempts by lineage
    kept: tuple[Attempt, ...] = ()
    page: str = ""  # of what worked and what didn't, where the mutator reads it
    spent: str | None = None  # the cap of the budget that was reached in a closed generation
    quiet: int = 0  # generations since the last keep
    commits: int = 0  # written so far: an attempt's number, and its place in time

    def close(self, attempts: Sequence[Attempt]) -> None:
        """Takes in the attempts of a generation: looked up by lineage, so that a long run does not slow down."""
        self.attempts.extend(attempts)
        for attempt in attempts:
            self.past.setdefault(attempt.lineage, []).append(attempt)
            self.tried.add(attempt.genome.digest)
        self.kept += tuple(attempt for attempt in attempts if attempt.verdict == "keep")


class Scribe(Protocol):
    """Writes commits: numbered from `state.commits`, so that the same story gives the same ids."""

    def attempt(self, state: State, attempt: Attempt, parents: Sequence[str]) -> str: ...
    def restore(self, state: State, lineage: str, genome: Genome, why: str) -> str: ...


def stream(seed: int, generation: int, lineage: str, purpose: str) -> np.random.Generator:
    """A random stream of its own: nothing is drawn in the order in which work happens to finish."""
    return np.random.default_rng(np.random.SeedSequence([seed, generation, _word(lineage), _word(purpose)]))


@lru_cache(maxsize=4096)
def _word(name: str) -> int:
    return int(content_key(name)[:8], 16)


def segment_of(conditions: Conditions) -> str:
    """Scores are compared within one segment: same evaluator, same hardware class."""
    return content_key(conditions.get("evaluator"), conditions.get("hardware"))


def generation(parts: Parts, state: State, scribe: Scribe) -> dict[str, Outcome]:
    """Runs one generation and folds it into `state`.

    Returns the champions' outcomes. Whatever is remembered is not run again, so that a generation that was
    interrupted anywhere ends as if it had not been.
    """
    g = state.generation
    outcomes = _measure(parts, state)
    _dethrone(state, outcomes, scribe)
    state.champions.append(state.population.champions())
    state.states.append(dict(state.carried))

    conditions = parts.substrate.conditions(g, state.carried, "confirm")
    ring = Ring(
        parts.substrate,
        parts.bench,
        parts.memory,
        parts.acceptance,
        conditions,
        state.population.champions(),
        parts.bouts,
        state.tried,
    )
    closed, going_on = _try(parts, state, ring, outcomes)
    attempts = _record(parts, state, closed, scribe)
    state.contests = going_on
    state.tried.update(c.rewrite.genome.digest for contest in going_on for c in contest.challengers)
    state.carried = parts.substrate.advance(state.carried, outcomes, attempts)
    parts.mutator.learn(attempts)
    if parts.mutator.reads_page:
        state.page = page(state.attempts)
    state.spent = parts.memory.spent
    state.quiet = 0 if any(a.verdict == "keep" for a in attempts) else state.quiet + 1
    state.generation += 1
    return outcomes


# -- measure -----------------------------------------------------------------------------------


def _measure(parts: Parts, state: State) -> dict[str, Outcome]:
    g = state.generation
    conditions = parts.substrate.conditions(g, state.carried, "select")
    repeat = 0 if parts.substrate.deterministic else g // parts.remeasure
    team = parts.substrate.uses_team
    cases = {
        name: Case(lineage.champion, name, conditions, "select", repeat, state.population.team(name) if team else {})
        for name, lineage in state.population.items()
    }
    missing = [case for case in cases.values() if parts.bench.remembered(case) is None]
    if missing:
        started = time.perf_counter()
        among = list(cases.values()) if parts.substrate.relative else missing
        found = parts.substrate.measure(among, parts.bench)
        share = round((time.perf_counter() - started) / len(missing), 6)
        for case in missing:
            outcome = found[case.lineage]
            parts.bench.remember(case, outcome if outcome.seconds else replace(outcome, seconds=share))
    keys = {name: parts.bench.key(case) for name, case in cases.items()}
    outcomes = {name: parts.memory.outcomes[key] for name, key in keys.items()}
    state.keys.append(keys)
    state.history.append((segment_of(conditions), outcomes))
    return outcomes


def _dethrone(state: State, outcomes: Mapping[str, Outcome], scribe: Scribe) -> None:
    """A champion that no longer works under this generation's conditions cannot rule."""
    for name, outcome in outcomes.items():
        before = state.population.before(name)
        if not outcome.ok and before is not None:
            why = f"restores the champion before: this one ended as {outcome.status} when measured again"
            commit = scribe.restore(state, name, before, why)
            state.population.crown(name, before, commit)


# -- ask, rewrite, try -------------------------------------------------------------------------


def _try(
    parts: Parts, state: State, ring: Ring, outcomes: Mapping[str, Outcome]
) -> tuple[list[Contest], list[Contest]]:
    """Open contests first, then the chosen lineages' rewrites; returns (closed, those that go on), by lineage."""
    segment = segment_of(ring.conditions)
    stale: list[Contest] = []
    old: list[Contest] = []
    for contest in state.contests:
        same = contest.incumbent == state.population[contest.lineage].champion
        (old if same and contest.segment == segment else stale).append(contest)
    busy = {c.lineage for c in old}
    history = [o for s, o in state.history if s == state.history[-1][0]]
    ranks = {n: r for n, r in parts.substrate.rank(history, state.carried).items() if n not in busy}
    chosen = parts.selection.choose(ranks, stream(parts.seed, state.generation, "", "selection"))
    # Levels are drawn in lineage order, before anything runs.
    levels = {name: parts.schedule.level() for name, _ in chosen}
    jobs: list[Callable[[], Contest | None]] = [partial(ring.fight, contest) for contest in old]
    jobs += [
        partial(_contest, parts, state, ring, name, donors, levels[name], outcomes[name]) for name, donors in chosen
    ]
    fought = [done for done in _side_by_side(jobs, parts.concurrency) if done is not None]
    fought.sort(key=lambda c: c.lineage)
    fought = _confirm(parts, ring, fought)
    going_on = [c for c in fought if ring.goes_on(c)]
    closed = [c for c in fought if not ring.goes_on(c)] + stale
    return sorted(closed, key=lambda c: (c.generation, c.lineage)), going_on


def _side_by_side(jobs: Sequence[Callable[[], Contest | None]], at_once: int) -> list[Contest | None]:
    """What each job gives, in their order. One at a time needs no threads."""
    if min(at_once, len(jobs)) <= 1:
        return [job() for job in jobs]
    pool = ThreadPoolExecutor(min(at_once, len(jobs)))
    try:
        return [future.result() for future in [pool.submit(job) for job in jobs]]
    except (Halt, Spent):
        # The run stops cleanly: what is being tried already is waited for and recorded.
        pool.shutdown(wait=True, cancel_futures=True)
        raise
    finally:
        # Where one has failed, or somebody wants to stop now, what has not begun never does.
        pool.shutdown(wait=False, cancel_futures=True)


def _contest(
    parts: Parts,
    state: State,
    ring: Ring,
    lineage: str,
    donors: Sequence[str],
    level: float,
    measured: Outcome,
) -> Contest | None:
    """Ask for a rewrite, try it, and open the contest; None where the mutator had nothing new."""
    rewrites = _rewrite(parts, state, ring, lineage, donors, measured)
    incumbent = state.population[lineage].champion
    fresh = {
        r.genome: r for r in rewrites if r.refused or (r.genome != incumbent and r.genome.digest not in ring.tried)
    }
    if not fresh:
        return None
    cases = [_case(ring, lineage, rewrite, state.generation) for rewrite in fresh.values()]
    parent = state.population[lineage].seed if parts.edits_of_seeds else incumbent
    for case, rewrite in zip(cases, fresh.values(), strict=True):
        if why := rewrite.refused or _not_editable(parts.editable, parent, case.genome):
            parts.bench.remember(case, Outcome("refused", evidence={"reason": why}))
    tried = parts.bench.trials(cases)
    parts.progress("tried", {"lineage": lineage, "outcomes": tried})
    own = state.population[lineage].reigns[0 if parts.edits_of_seeds else -1][1]
    challengers = tuple(
        Challenger(
            rewrite,
            outcome,
            parts.bench.key(case),
            parents=(own, *(state.population[d].tip for d in rewrite.donors)),
            standing="open" if outcome.ok else "discard",
        )
        for rewrite, outcome, case in zip(fresh.values(), tried, cases, strict=True)
    )
    alpha = level / (sum(r.screened for r in fresh.values()) or 1)
    contest = Contest(lineage, state.generation, incumbent, segment_of(ring.conditions), alpha, challengers)
    return ring.fight(contest)


def _case(ring: Ring, lineage: str, rewrite: Rewrite, generation: int) -> Case:
    # An answer that is no genome has a stream of its own: nobody's trial of the parent is to be taken for it.
    return ring.case(lineage, rewrite.genome, f"answer {lineage}" if rewrite.refused else "trial", generation)


def _not_editable(editable: Globs, parent: Genome, child: Genome) -> str:
    path = editable.broken_by(parent, child)
    return "" if path is None else f"it changes {path}, which genome.include and genome.exclude do not let it"


def _rewrite(
    parts: Parts, state: State, ring: Ring, lineage: str, donors: Sequence[str], outcome: Outcome
) -> list[Rewrite]:
    """The mutator's answer, recorded before it is used."""
    own = state.population[lineage]
    parent = own.seed if parts.edits_of_seeds else own.champion
    given = {name: state.population[name].champion for name in donors}
    key = content_key("rewrite", state.generation, lineage, parent.digest, {n: d.digest for n, d in given.items()})
    known = parts.memory.rewrite(key)
    if known is not None:
        return known
    brief = Brief(
        goal=parts.substrate.brief(),
        metric=parts.substrate.metric,
        clock=parts.substrate.clock,
        generation=state.generation,
        lineage=lineage,
        parent=parent,
        donors=given,
        team=ring.team(lineage),
        outcome=outcome,
        conditions=ring.conditions,
        state=dict(state.carried),
        past=tuple(state.past.get(lineage, ())),
        playbook=state.kept,
        page=state.page,
        tried=ring.tried,
        editable=parts.editable.of(parent),
    )
    started = time.perf_counter()
    rewrites, spent = [], None
    try:
        rewrites = parts.mutator.rewrite(brief, stream(parts.seed, state.generation, lineage, "rewrite"))
    except Spent as error:
        spent = str(error)
    parts.memory.add_rewrites(key, lineage, rewrites, round(time.perf_counter() - started, 6), spent)
    return rewrites


def _confirm(parts: Parts, ring: Ring, contests: list[Contest]) -> list[Contest]:
    """Children kept together must also work together; where they are alone, their duel has said so."""
    kept = {c.lineage: c.winner.rewrite.genome for c in contests if c.winner is not None}
    if not parts.substrate.uses_team or len(kept) < 2:
        return contests
    together = replace(ring, champions={**ring.champions, **kept})
    return [together.confirm(c) for c in contests]


def close_open(parts: Parts, state: State, scribe: Scribe) -> None:
    """At the end of a run: what could not be told from noise by now is undecided."""
    _record(parts, state, state.contests, scribe)
    state.contests = []


# -- record ------------------------------------------------------------------------------------


def _record(parts: Parts, state: State, closed: Sequence[Contest], scribe: Scribe) -> list[Attempt]:
    """Verdicts, in lineage order; then the crowns."""
    attempts = []
    for contest in closed:
        lineage = state.population[contest.lineage]
        for challenger in contest.challengers:
            rewrite = challenger.rewrite
            attempt = Attempt(
                lineage=contest.lineage,
                generation=state.generation,
                genome=rewrite.genome,
                parent=lineage.seed if parts.edits_of_seeds else contest.incumbent,
                rewrite=rewrite,
                outcome=challenger.outcome,
                trial=challenger.trial,
                duel=challenger.duel,
                alpha=contest.alpha,
                verdict=challenger.verdict,
                reason=_reason(challenger),
            )
            commit = scribe.attempt(state, attempt, challenger.parents)
            attempts.append(replace(attempt, commit=commit))
        parts.schedule.close(contest.winner is not None)
    for attempt in attempts:
        if attempt.verdict == "keep":
            commit = attempt.commit
            if parts.edits_of_seeds and state.population[attempt.lineage].champion != attempt.parent:
                # An edit of the seed does not descend from the champion; the branch goes forward all the same.
                why = f"takes over {attempt.commit[:10]}, an edit of the seed"
                commit = scribe.restore(state, attempt.lineage, attempt.genome, why)
            state.population.crown(attempt.lineage, attempt.genome, commit)
    state.close(attempts)
    parts.progress("recorded", {"attempts": attempts})
    return attempts


def _reason(challenger: Challenger) -> str:
    if not challenger.outcome.ok:
        return challenger.outcome.reason or challenger.outcome.status
    duel: Duel = challenger.duel
    if duel.reason:
        return duel.reason
    if duel.mean is None:
        return "no paired evidence"
    t = "" if duel.t is None else f", t {duel.t:.2f}"
    note = f"; {challenger.note}" if challenger.note else ""
    return f"mean paired difference {duel.mean:.3g} over {duel.count}{t}{note}"
