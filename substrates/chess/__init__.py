"""Engines that play chess, measured by games.

settings.py   what can be set
substrate.py  the domain: gate, gauntlet, contests, audit
manifest.py   what a genome says of itself
engine.py     its program: built once, seated for every game
gate.py       what must hold before games
uci.py        a talk with a program that may be hostile
game.py       one game, by the judge's rules and clock
match.py      pairs of games on slots
fair.py       time that wasn't the winner's own
referee.py    an engine that judges positions
opponents.py  Stockfish as rungs and referee, as far as it is here
openings.py   the book
ladder.py     Stockfish by nodes, calibrated
league.py     champions among themselves, without a ladder
rating.py     Elo from results
analysis.py   where games were lost, for the mutator
controls.py   known answers
dishonest.py  a program of the controls; it runs in the sandbox only
pgn.py        games as files
findings.py   what a run has found
stockfish.py  a plain talk with Stockfish, for the book and the ladder
"""
