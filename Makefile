# Everything runs in .venv; `make check` is what a change must pass.


.PHONY: setup check test slow serve
setup:
	python3 -m venv .venv
	.venv/bin/pip install --quiet --editable ".[dev]"

check:
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/pytest

test:
	.venv/bin/pytest

slow:
	.venv/bin/pytest -m slow

serve:
	.venv/bin/bookstate serve
