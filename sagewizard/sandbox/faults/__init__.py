"""Faults that the sandbox has on request: a plan of them, and the injector that follows it."""
