"""A run as code that a person can take along."""
