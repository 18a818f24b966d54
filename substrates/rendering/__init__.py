"""Rendering: a renderer that keeps its output to the byte while it gets faster."""
