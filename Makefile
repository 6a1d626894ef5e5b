# make demo: train and evaluate on synthetic recordings; make test: the tests. Both install first, into .venv.
PYTHON ?= python3
DATA := output/demo/data

.PHONY: install demo test test-slow
install: .venv/installed

.venv/installed: setup.py
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --upgrade pip setuptools wheel
	.venv/bin/pip install --editable ".[test]"
	touch $@

$(DATA): .venv/installed
	.venv/bin/python tools/thermal_data.py synthesize $@

demo: $(DATA)
	.venv/bin/python tools/run_net.py --cfg configs/Thermal/DEMO.yaml DATA.PATH_TO_DATA_DIR $(DATA)

test: .venv/installed
	.venv/bin/python -m pytest -n 2 --dist loadfile -m "not slow" tests

test-slow: .venv/installed
	.venv/bin/python -m pytest -m slow tests
