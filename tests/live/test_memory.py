"""Hours of watching take no more memory than minutes."""

import pytest

from tools.benchmarks.watch import HOURS, memory_of, predictor_of_random_weights


@pytest.mark.slow
@pytest.mark.parametrize("run", HOURS)
def test_memory_does_not_grow_with_the_hours(run, tmp_path):
    found = memory_of(predictor_of_random_weights(tmp_path / "random.pyth"), *run)
    print(found)
    assert found["MiB all"] < found["MiB after 1/12"] + 10
