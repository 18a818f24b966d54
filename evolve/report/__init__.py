"""What a run leaves for a person: all of it is built from the ledger alone, and can be built again.

story.py       a run as it is told afterwards
figures.py     what is drawn, as plain data
changes.py     what a change changed, word by word
html.py        one self-contained page; its templates, style and script are in page/
comparison.py  several runs beside each other
exports.py     tables for other programs
findings.py    what was said at the end, as text
write.py       all of it into a folder
"""

from evolve.report.exports import headline_json
from evolve.report.findings import findings_text
from evolve.report.html import spent
from evolve.report.story import Story
from evolve.report.write import FILES, write_comparison, write_report

__all__ = ["FILES", "Story", "findings_text", "headline_json", "spent", "write_comparison", "write_report"]
