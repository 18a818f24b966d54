"""The configuration's values; its schema is `evolve.config` and each domain's own settings."""
