"""The figures that the project holds itself to; `python -m benchmarks` prints them all, taken in one run."""
