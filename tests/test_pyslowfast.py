import os
import subprocess
import sys

import pytest
import torch

from slowfast_thermal import pyslowfast

CHECKOUT = os.environ.get("SLOWFAST_CHECKOUT")


def test_importing_the_package_registers_everything_with_pyslowfast():
    script = (
        "import slowfast_thermal\n"
        "from slowfast.config.defaults import get_cfg\n"
        "from slowfast.datasets.build import DATASET_REGISTRY\n"
        "assert 'Thermal' in DATASET_REGISTRY and 'INPUT_SIZE' in get_cfg().THERMAL\n"
        "from slowfast_thermal.pyslowfast import MODEL_REGISTRY\n"
        "assert 'ThermalSlowFast' in MODEL_REGISTRY\n"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_importing_the_package_leaves_out_what_takes_long_until_it_is_called():
    script = (
        "import sys, slowfast_thermal, torchvision\n"
        "from slowfast.utils import misc\n"
        "assert not {'torch._dynamo', 'matplotlib'} & sys.modules.keys()\n"
        "assert misc.plt.figure().axes == []\n"
        "is_supported = sys.modules['torchvision.ops.roi_align'].is_compile_supported\n"
        "from torch._dynamo.utils import is_compile_supported\n"
        "assert is_supported is not is_compile_supported and is_supported('cpu') == is_compile_supported('cpu')\n"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_the_roi_align_pools_what_detectron2_documents():
    from detectron2.layers import ROIAlign

    features = torch.arange(16.0).view(1, 1, 4, 4)
    pooled = ROIAlign((1, 1), spatial_scale=0.5, sampling_ratio=1, aligned=True)(
        features, torch.tensor([[0.0, 2, 2, 6, 6]])
    )
    # The box is 1..3 on the feature map; its centre, 2, lies between pixel centres 1.5 and 2.5.
    assert pooled.item() == features[0, 0, 1:3, 1:3].mean()


def test_numpy_keeps_its_own_names():
    import numpy

    assert "float" not in vars(numpy)


@pytest.mark.skipif(pyslowfast.VERSION != "1.0", reason="this is about the registry's PySlowFast")
def test_keys_that_1_0_lacks_have_the_checkouts_defaults():
    cfg = pyslowfast.get_cfg()
    assert cfg.TENSORBOARD.ENABLE is False and cfg.MODEL.FROZEN_BN is False and cfg.SOLVER.WARMUP_EPOCHS == 0.0


@pytest.mark.slow
@pytest.mark.skipif(not CHECKOUT, reason="SLOWFAST_CHECKOUT does not name a checkout of facebookresearch/SlowFast")
def test_the_other_tests_pass_with_a_checkout_of_pyslowfast():
    path = os.pathsep.join([*CHECKOUT.split(os.pathsep), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "pytest", "-q", "-m", "not slow", "-p", "no:cacheprovider", "tests"]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-5000:]
    version = "from slowfast_thermal.pyslowfast import VERSION; print(VERSION)"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", version],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip().endswith("checkout")
