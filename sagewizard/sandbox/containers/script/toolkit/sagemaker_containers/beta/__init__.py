"""Holds `framework`, as the container library does."""
