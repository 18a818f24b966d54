"""A trainer that holds the clock, the data and the number: the program under evolution owns none of them.

It stands by itself (`python -m trainer GENOME --clock 60`) and imports nothing else of this project.

plan.py     every number of a trial            result.py   what came of it
corpus.py   text to tokens, split by file      launch.py   starting programs; here without a sandbox
trial.py    train until the bell, then score   scoring.py  windows, probes, bits per byte: pure functions
child.py    the process that holds the genome  session.py  what a genome is handed
job.py      what the child is asked
errors.py   what a person can mend             sources.py  where text comes from
splits.py   which documents are scored         library.py  the standard library as text, and its copies
tokens.py   bytes, or byte pairs
board.py    what the two sides tell each other
genome.py   from files, and its name in git      constants.py  its constants, set from outside
outputs.py  the summary, tables, curves          utilisation.py  what of an accelerator was used
"""
