"""results.tsv (autoresearch's columns), trials.parquet (every attempt, every field), findings.json."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from evolve.ledger import Entry, journal

__all__ = ["trials", "write_exports"]


def trials(entries: list[Entry], run: str) -> list[dict[str, Any]]:
    """One row an attempt, oldest first, out of the journal's verdicts."""
    rows = []
    for entry in entries:
        if entry.kind != "verdict":
            continue
        value = entry.value
        rewrite, outcome, duel = value["rewrite"], value["outcome"], value["duel"]
        rows.append(
            {
                "run": run,
                "commit": value["commit"],
                "generation": value["generation"],
                "lineage": value["lineage"],
                "status": value["verdict"],
                "score": outcome["score"],
                "effect": duel["total"] / duel["count"] if duel["count"] else None,
                "differences": duel["count"],
                "alpha": value["alpha"],
                "screened": rewrite["screened"],
                "expected": rewrite["expected"],
                "kind": rewrite["kind"],
                "donors": ",".join(rewrite["donors"]),
                "seconds": outcome["seconds"],
                "memory_gb": outcome["metrics"].get("peak_memory_gb"),
                "cost_usd": rewrite["cost"].get("usd", 0.0),
                "genome": value["genome"],
                "parent": value["parent"],
                "reason": value["reason"],
                "description": rewrite["hypothesis"],
            }
        )
    return rows


def write_exports(ledger: Path, run: str, out: Path, metric: str) -> None:
    """Into `out`, which is made. Nothing here is needed to go on; all of it can be rebuilt."""
    import pandas as pd

    entries = journal(ledger, run)
    rows = trials(entries, run)
    out.mkdir(parents=True, exist_ok=True)
    with open(out / "results.tsv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_NONE, escapechar="\\")
        writer.writerow(["commit", metric.lower().replace(" ", "_"), "memory_gb", "status", "description"])
        for row in rows:
            score = "" if row["score"] is None else f"{row['score']:.6f}"
            memory = "" if row["memory_gb"] is None else f"{row['memory_gb']:.1f}"
            said = " ".join(row["description"].split())
            writer.writerow([row["commit"][:7], score, memory, row["status"], said])
    columns = list(rows[0]) if rows else ["run", "commit"]
    pd.DataFrame(rows, columns=columns).to_parquet(out / "trials.parquet", index=False)
    end = next((e.value for e in entries if e.kind == "findings"), None)
    if end is not None:
        (out / "findings.json").write_text(json.dumps(end, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
