# make demo: train and evaluate on synthetic recordings; make watch-demo: watch a simulated room, in which people fall; make test:
# the tests. All install first, into .venv.
PYTHON ?= python3
DATA := output/demo/data
WATCHED := output/watch-demo/data

.PHONY: install demo watch-demo test test-slow
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

$(WATCHED): .venv/installed
	.venv/bin/python tools/thermal_data.py synthesize $@ --rooms 2 --continuous 0.5 --seed 4

# The threshold is low, so that there is something to see; false alarms are among it.
watch-demo: $(WATCHED)
	.venv/bin/python tools/watch.py --cfg configs/Thermal/SIMULATED.yaml --checkpoint SIMULATED --speed 60 --clips \
		--source replay:$(WATCHED)/frames/DAY001_R1.h5 --source replay:$(WATCHED)/frames/DAY002_R1.h5 \
		--output output/watch-demo/events EVENTS.THRESHOLD 0.2
	@echo "Look at output/watch-demo/events/events.jsonl, and at clips/ beside it; $(WATCHED)/truth.json tells what truly happened."

test: .venv/installed
	.venv/bin/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not slow" tests

test-slow: .venv/installed
	.venv/bin/python -m pytest -m slow tests
