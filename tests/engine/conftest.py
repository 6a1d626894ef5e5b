import pytest

from slowfast_thermal.evaluation import report
from slowfast_thermal.trees import forest


@pytest.fixture
def quick_tests(monkeypatch):
    """Tests of few trees and of reports with few pictures, where many are made in this process."""
    monkeypatch.setattr(forest, "NUM_TREES", 20)
    monkeypatch.setattr(report, "_NUM_MISTAKES", 1)
