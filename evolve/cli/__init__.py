"""What a person types and sees: one module a command.

configure.py   Hydra at the edge: a configuration becomes `Settings`
launch.py      a run from its settings: preflight, ledger, progress, the end
passed.py      what preflight found before
night.py       what fits into a run's hours
console.py     progress while it runs
doctor.py log.py replay.py report.py resume.py runs.py help.py
"""
