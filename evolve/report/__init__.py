"""What a run leaves for a person: all of it is built from the ledger alone, and can be built again.

findings.py   what was said at the end, as text
exports.py    results.tsv, trials.parquet, findings.json
"""

from evolve.report.exports import trials, write_exports
from evolve.report.findings import findings_text

__all__ = ["findings_text", "trials", "write_exports"]
