import json

from slowfast_thermal.evaluation.sweep import sweep_table


def write_runs(folder, scores):
    for name, score in scores.items():
        (folder / name).mkdir()
        (folder / name / "test_metrics.json").write_text(json.dumps({"mAP": score}))


def test_the_seeds_of_each_setting_are_a_row(tmp_path):
    write_runs(tmp_path, {"A=1,RNG_SEED=0": 0.2, "A=1,RNG_SEED=1": 0.4, "A=2,RNG_SEED=0": 0.5})
    table = sweep_table(tmp_path)
    assert table[["A", "seeds", "lowest", "highest"]].values.tolist() == [["2", 1, 0.5, 0.5], ["1", 2, 0.2, 0.4]]


def test_seeds_alone_are_one_row(tmp_path):
    write_runs(tmp_path, {"RNG_SEED=0": 0.2, "RNG_SEED=1": 0.4})
    table = sweep_table(tmp_path)
    assert list(table) == ["seeds", "mAP", "std", "lowest", "highest"]
    assert table[["seeds", "lowest", "highest"]].values.tolist() == [[2, 0.2, 0.4]]
