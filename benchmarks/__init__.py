"""Speed, scale and statistics, each a command that prints what it saw; RESULTS.md records full runs."""
