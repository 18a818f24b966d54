"""Liquid templates and their data, made up from a seed.

data.py    what a page is filled with, and which kind each value has
phrases.py expressions of a wanted kind: paths, filters, conditions
pages.py   whole templates
defects.py what makes a template malformed
golden.py  cases written by hand, that a reader and the mutator may see
"""

from substrates.rendering.templates.golden import golden
from substrates.rendering.templates.pages import page

__all__ = ["golden", "page"]
