"""Seed genomes: one folder a domain, plain files that a person can read and edit."""
