"""Any git repository that has a measuring command.

settings.py     what a person may set, and what of it means nothing
auto.py         defaults out of the files that pi-autoresearch keeps in a repository
repository.py   the frozen commit: its files as they would be checked out, and the ones of a genome
scope.py        which tracked files a genome holds, and which it may never touch
parsers.py      a number out of what a measuring command printed or wrote
laying.py       one program over base and genome, in the sandbox
substrate.py    trials, bouts of interleaved pairs, the hidden check, the ends of a run
"""
