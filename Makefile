# The short names of the commands that CI runs; `make check` is what CI does, in the environment at hand.
.PHONY: check lint test bench
check: lint test
lint:
	ruff check .
	ruff format --check .
	mypy
	lint-imports
test:
	pytest
bench:
	python -m benchmarks
