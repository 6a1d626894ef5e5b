import pytest
import torch

from slowfast_thermal import pyslowfast
from slowfast_thermal.checkpoint.conversion import summarize, write_pyslowfast
from slowfast_thermal.checkpoint.sources import read_weights
from slowfast_thermal.errors import InputError
from tests import programs
from tests.checkpoint.test_pretrained import CLASSES, as_alphaction, config, network


def run(*arguments):
    return programs.run("tools/convert_checkpoint.py", *arguments)


def test_the_round_trip_of_a_pyslowfast_checkpoint_is_exact_and_pyslowfast_loads_it(tmp_path):
    cfg = config(DETECTION__ALIGNED=False)
    source = network(cfg, seed=0)
    torch.save({"model_state": source.state_dict(), "cfg": cfg.dump(), "classes": CLASSES}, tmp_path / "in.pyth")
    assert write_pyslowfast(read_weights(tmp_path / "in.pyth"), tmp_path / "out.pyth") == []
    written = read_weights(tmp_path / "out.pyth")
    assert written.tensors.keys() == source.state_dict().keys()
    assert all(torch.equal(tensor, written.tensors[name]) for name, tensor in source.state_dict().items())
    assert written.classes == CLASSES and written.settings["DETECTION.ALIGNED"] is False
    theirs = pyslowfast.SlowFast(cfg)
    pyslowfast.checkpoint.load_checkpoint(str(tmp_path / "out.pyth"), theirs, data_parallel=False)
    assert all(torch.equal(tensor, source.state_dict()[name]) for name, tensor in theirs.state_dict().items())


def test_a_converted_checkpoint_still_tells_its_settings(tmp_path):
    source = network(config(IA__ENABLE=True, SLOWFAST__LATERAL="bias"), seed=0)
    torch.save(as_alphaction(source), tmp_path / "in.pth")
    extra = write_pyslowfast(read_weights(tmp_path / "in.pth"), tmp_path / "out.pyth")
    assert "head.structure.reduce_query.weight" in extra and "s1_fuse.conv_f2s.bias" in extra
    written = read_weights(tmp_path / "out.pyth")
    assert written.source.name == "pyslowfast"
    assert written.settings == read_weights(tmp_path / "in.pth").settings


def test_a_summary_tells_network_classes_and_interactions(tmp_path):
    source = network(config(IA__ENABLE=True, SLOWFAST__LATERAL="bias"), seed=0)
    torch.save(as_alphaction(source), tmp_path / "in.pth")
    summary = summarize(read_weights(tmp_path / "in.pth"))
    assert summary["format"] == "AlphAction (CHECKPOINT_TYPE alphaction)"
    assert summary["network"] == "SlowFast R50"
    assert summary["classifier"] == "2 classes of 1024 features"
    assert summary["interactions"] == "P1, M1, P2, M2"
    assert summary["tensors"].endswith(" used, 0 ignored")
    assert "SLOWFAST.LATERAL bias" in summary["configuration"]


def test_the_tool_inspects_and_converts(tmp_path):
    torch.save(
        {"module." + name: tensor for name, tensor in network(config(), 0).state_dict().items()}, tmp_path / "in.pyth"
    )
    done = run("inspect", tmp_path / "in.pyth")
    assert done.returncode == 0 and "PySlowFast (CHECKPOINT_TYPE pyslowfast)" in done.stdout
    done = run("convert", tmp_path / "in.pyth", tmp_path / "out.pyth", "--to", "pyslowfast")
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == f"Wrote {tmp_path / 'out.pyth'}"
    done = run("convert", tmp_path / "in.pyth", tmp_path / "out.pyth")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == f"Error: {tmp_path / 'out.pyth'} exists already: choose another name."


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    torch.save({"model_state": network(config(), seed=0).state_dict()}, tmp_path / "in.pyth")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="out.pyth cannot be written"):
        write_pyslowfast(read_weights(tmp_path / "in.pyth"), tmp_path / "file" / "out.pyth")
