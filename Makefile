# The short names of the commands that CI runs; `make check` is what CI does, in the environment at hand.
.PHONY: check lint test sdk3 bench
SDK3 ?= .sdk3
check: lint test
lint:
	ruff check .
	ruff format --check .
	mypy
	lint-imports
test:
	pytest
# The tests with version 3 of the SageMaker SDK, in an environment of its own (800 MB, made once).
sdk3:
	python tests/sdk3/environment.py $(SDK3)
	SAGEWIZARD_SDK3_PYTHON=$(abspath $(SDK3))/bin/python pytest -m sdk3
bench:
	python -m benchmarks
permissions:
	PYTHONPATH=. python tests/aws/record.py
