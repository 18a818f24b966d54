"""What a model is told about the domain, and what a cheap look finds wrong with its answer."""

from __future__ import annotations

from collections.abc import Collection

from substrates.finance.agent import LAYERS, QUOTE, ROLES, Agent
from substrates.finance.language import grammar, nearest
from substrates.finance.market.panel import Panel
from substrates.finance.settings import FinanceSettings, ReaderName

__all__ = ["brief", "objections"]

_MOST = 8  # objections at once (an assumption: a model mends a few things at a time)
_LONGEST = 160  # characters that are quoted of a line

_UNREAD = {
    ReaderName.directives: "A line in any other form is not read and does nothing.",
    ReaderName.openai: "A line in any other form is read once by a language model, which says it in these forms, or "
    "leaves it without effect; write the forms themselves where you can.",
}


def brief(settings: FinanceSettings, panel: Panel) -> str:
    """What is evolved, the whole language, and how it is judged: under 6 kB on the built-in market."""
    layers = "; ".join(f"{layer}: {', '.join(roles)}" for layer, roles in LAYERS.items())
    return "\n\n".join(
        [
            f"A team of agents trades {len(panel.tickers)} stocks by daily prices. Each agent is one Markdown file: a "
            f"title '# NAME', a line 'Layer: …', a line 'Role: …' ({layers}), and sections. Only '## Directives' acts: "
            f"one sentence a line, as '- SENTENCE.', in exactly these forms. {_UNREAD[settings.reader]} All else is "
            "prose for people. Title, layer and role stay as they are: an agent keeps its seat.",
            f"What each role can say; a sentence for another role does nothing.\n\n{grammar(ROLES, panel)}",
            "The score is a Sharpe ratio a year of the agent's own skill, on days that did not choose it, with a day's "
            f"lag, net of costs of {settings.cost_bps:g}/10,000 of what is traded. An exposure agent is judged by "
            "timing the market against its own mean exposure, a selection or alpha agent by its book against equal "
            "weight of the same stocks, a decision agent by what the team loses without it.",
            "What wins nothing: more or less exposure at all times; borrowing; trading often, for costs eat it; a rule "
            "that fits one episode, for all history before decides; tomorrow's prices, which no sentence can name; the "
            "same rule twice. Change little, keep the file short, say why in one line: a rule that was documented "
            "before its test and trades seldom is the best bet.",
        ]
    )


def objections(agent: Agent, seats: Collection[tuple[str, str]], panel: Panel) -> list[str]:
    """Of an agent, a sentence each. `seats`: (layer, role) that one of its title has; empty: any."""
    said = list(agent.problems)
    here = (agent.layer, agent.role)
    if seats and here not in seats:
        layer, role = min(seats)
        said.append(f"an agent keeps its seat: it was 'Layer: {layer}' and 'Role: {role}'")
    why = {line: passage.why for passage in agent.heard for line in passage.lines}
    for number, line in agent.unread:
        if line.startswith(QUOTE):
            continue
        text = f"line {number} is not read, so without effect: {_cut(line)!r}"
        if reason := why.get(number):
            text += f" ({_cut(reason)})"
        if agent.role in ROLES:
            text += f"; a sentence that is read: '{nearest(line, agent.role, panel)}'"
        said.append(text)
    said = [sentence if len(sentence) <= 4 * _LONGEST else f"{sentence[: 4 * _LONGEST]}…" for sentence in said]
    left = len(said) - _MOST
    return said if left <= 0 else [*said[: _MOST - 1], f"and {left + 1} more of the kind"]


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
