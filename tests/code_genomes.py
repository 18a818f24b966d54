"""Small code genomes in three languages, and the brief that a mutator gets with them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from evolve.genome import Genome
from evolve.substrate import Brief, Clock, Metric, Outcome

PYTHON = '''"""Counts things."""

import re

LIMIT = 40


class Counter:
    def __init__(self, step):
        self.step = step
        self.seen = []

    def run(self, values):
        total = 0
        out = []
        for value in values:
            if value > LIMIT or value < -3:
                continue
            total += value * self.step
            out.append(value + len(values))
        self.seen.append(total)
        return total, out


def words(text):
    found = ""
    for word in re.split("[ ,]+", text):
        if word in ["a", "the"]:
            continue
        found += word + ";"
    return found


def clip(x):
    return max(0, min(LIMIT, x))
'''

RUST = """pub struct Counter { step: i64 }

impl Counter {
    pub fn run(&self, values: &[i64]) -> i64 {
        let mut total = 0;
        for value in values.iter() {
            if *value > 40 || *value < 3 {
                continue;
            }
            total += value * self.step;
        }
        total
    }
}

fn shade(x: f32) -> f32 {
    let y = x * 1.5f32;
    let z = y + 0.25;
    z
}
"""

RUBY = """class Counter
  def run(values)
    total = 0
    values.each do |value|
      next if value > 40 || value < 3
      total += value * @step
    end
    total
  end
end

def shade(x)
  y = x * 1.5
  if y > 10 and x != 3
    y = 10
  end
  y + 1
end
"""

MARKED = """WIDTH = 3.0  # tune
DEPTH = -2.0  # tune
ROUNDS = 8  # tune
OTHER = 5.0


def size():
    return WIDTH * DEPTH + ROUNDS
"""

CODE = Genome({"agent.py": PYTHON, "lib/counter.rs": RUST, "counter.rb": RUBY, "README.md": "# 1 + 1, or 2\n"})


def code_brief(genome: Genome = CODE, **changes: Any) -> Brief:
    metric = Metric("time", "s", "lower", "It is only text.")
    brief = Brief(
        "goal", metric, Clock(1, "s", "short"), 0, "a", genome, {}, {}, Outcome("ok", 1.0), {}, {}
    )  # fmt: skip
    return replace(brief, **changes)
