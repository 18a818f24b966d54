"""Engines that render: a Liquid template engine, a rasteriser. Rewritten to do the same with less work.

substrate.py   the domain: gate, measure, compare, audit
settings.py    what can be set
task.py        what a kind of engine must say: its jobs, their right answers, its controls
liquid.py      templates, answered by python-liquid
canvas.py      scenes, answered by our frozen reference (reference.py)
meter.py       programs that run an engine in the sandbox, and what they measure
driver.py      what runs inside: trusted text, in the genome's own process
pareto.py      ranks by work and allocations together
findings.py    what a run has found
"""
