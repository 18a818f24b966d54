"""What a person types and sees: one module a command.

configure.py   Hydra at the edge: a configuration becomes `Settings`
launch.py      a run from its settings: preflight, ledger, progress, the end
console.py     progress while it runs
doctor.py log.py replay.py report.py resume.py runs.py help.py
"""
