# The short names of the commands that CI runs; `make check` is what CI does, in the environment at hand.
.PHONY: check lint test sdk3 torch thorough faults bench permissions
SDK3 ?= .sdk3
TORCH ?= .torch
TORCH_REQUIREMENT ?= torch
check: lint test
lint:
	ruff check .
	ruff format --check .
	mypy
	lint-imports
test:
	pytest
# What takes too long for every change: thousands of random keys on every screen of the app, the generated
# code of recipes that are like another one. Forty minutes; add SAGEWIZARD_SDK3_PYTHON for that flavor.
thorough:
	pytest -m thorough --dist=worksteal
# The tests with version 3 of the SageMaker SDK, in an environment of its own (800 MB, made once).
sdk3:
	python tests/environments.py sdk3 $(SDK3)
	SAGEWIZARD_SDK3_PYTHON=$(abspath $(SDK3))/bin/python pytest -m sdk3 tests/sdk3
# The tests with PyTorch, in an environment that has it besides (750 MB, made once); SAGEWIZARD_SDK3_PYTHON
# adds the one with version 3 of the SDK. Where `torch` would bring gigabytes for GPUs, name a version for
# CPUs by TORCH_REQUIREMENT. Two minutes and a half.
torch:
	python tests/environments.py torch $(TORCH) $(TORCH_REQUIREMENT)
	SAGEWIZARD_TORCH_PYTHON=$(abspath $(TORCH))/bin/python pytest -m torch -n0 tests/torch
# Every recipe under every plan of faults, and 200 kills of the client: half an hour.
faults:
	pytest -m "faults or not faults" --dist=worksteal tests/faults
bench:
	python -m benchmarks
permissions:
	PYTHONPATH=. python tests/aws/record.py
