"""The parts of the guide, in order; each asks, does its steps, shows what came out, or raises Back."""
