"""Engines that play chess, measured by games.

settings.py   what can be set             substrate.py  the domain
manifest.py   what a genome says of itself build.py     its program, built in the sandbox
gate.py       what must hold before games uci.py        a talk with a program
game.py       one game                    match.py      pairs of games on slots
referee.py    an engine that judges positions
openings.py   the book                    ladder.py     Stockfish by nodes, calibrated
rating.py     Elo from results            controls.py   known answers
"""
