"""Training under a fixed clock: a genome is a program that trains a language model, its score is bits per byte.

settings.py   what can be set              substrate.py  a trial, on the trainer and the bench
slot.py       the trainer's programs on a slot, in the sandbox
gate.py       what is refused unseen       controls.py   known answers and cheats
findings.py   what was found on the audit  words.py      what a model is told
"""
