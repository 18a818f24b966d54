"""A trainer that holds the clock, the data and the number: the program under evolution owns none of them.

It stands by itself (`python -m trainer GENOME --clock 60`) and imports nothing else of this project.

trial.py    train until the bell, then score       plan.py     every number of a trial
witness.py  asks a process that answers            result.py   what came of it
ends.py     why a program ended                    scoring.py  windows, probes, bits per byte: pure functions
board.py    what judge and genome tell each other  shared.py   memory that both share
launch.py   starting programs, without a sandbox   errors.py   what a person can mend

child.py    the process that holds the genome      session.py  what a genome is handed
job.py      what the child is asked

corpus.py   text to tokens, split by document      sources.py  where text comes from
splits.py   which documents are scored             library.py  the standard library as text, and its copies
tokens.py   bytes, or byte pairs

genome.py   from files, and its name in git        constants.py    its constants, set from outside
outputs.py  the summary, tables, curves            utilisation.py  what of an accelerator was used
"""
