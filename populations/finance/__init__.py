"""25 agents in four layers. How to write one: docs/agents.md."""
