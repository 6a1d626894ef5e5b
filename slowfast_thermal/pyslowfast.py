"""The installed PySlowFast, whichever version it is.

`slowfast` is either the registry's pyslowfast 1.0 (January 2020) or a checkout of
facebookresearch/SlowFast on PYTHONPATH. Everything in which they differ, and every gap between
them and today's torch and numpy, is met here; the rest of the package imports PySlowFast's parts
from this module and knows no versions.
"""

import importlib
import importlib.util
import logging
import sys
import types
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from fvcore.common.config import CfgNode
from fvcore.common.registry import Registry


def _stand_in(name: str, **members: object) -> types.ModuleType:
    """Puts a module of this name, holding `members`, where `import` finds it."""
    module = sys.modules[name] = types.ModuleType(name)
    vars(module).update(members)
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(sys.modules.setdefault(parent, types.ModuleType(parent)), child, module)
    return module


class _LateModule(types.ModuleType):
    """A module whose functions import it when they are called."""

    def __getattr__(self, member: str):
        if member.startswith("__"):
            raise AttributeError(member)
        if (name := f"{self.__name__}.{member}") in sys.modules:
            return sys.modules[name]
        return lambda *args, **kwargs: getattr(importlib.import_module(self.__name__), member)(*args, **kwargs)


@contextmanager
def _imported_when_called(*names: str) -> Iterator[None]:
    """While entered, what imports these modules gets such stand-ins, unless they are imported already."""
    late = {name: _LateModule(name) for name in names if name not in sys.modules}
    sys.modules.update(late)
    try:
        yield
    finally:
        for name in late:
            del sys.modules[name]


def _missing_from_pytorchvideo(name: str):
    def unavailable(*_args, **_kwargs):
        raise NotImplementedError(f"pytorchvideo's {name} needs a newer pytorchvideo than the installed one.")

    return unavailable


# torchvision imports torch's compiler for a function that only GPUs call: seconds, which no command should wait for.
with _imported_when_called("torch._dynamo", "torch._dynamo.utils"):
    import torchvision

# PySlowFast's RoI head imports detectron2's ROIAlign, which the package registry does not carry;
# it is a thin wrapper of torchvision's operator with the same arguments.
if importlib.util.find_spec("detectron2") is None:
    _stand_in("detectron2")
    _stand_in("detectron2.layers", ROIAlign=torchvision.ops.RoIAlign)

# The checkout imports its AVA evaluation as `vision.fair.slowfast.ava_evaluation`, a path of
# Facebook's own repository; the folder lies beside `slowfast` in the public one.
_folder = Path(importlib.util.find_spec("slowfast").origin).parent
_IS_CHECKOUT = (_folder / "models" / "build.py").exists()
if _IS_CHECKOUT:
    for _name in ("vision", "vision.fair", "vision.fair.slowfast"):
        _stand_in(_name)
    _stand_in("vision.fair.slowfast.ava_evaluation")
    sys.modules["vision.fair.slowfast.ava_evaluation"].__path__ = [str(_folder.parent / "ava_evaluation")]

    # The checkout imports names that pytorchvideo 0.1.5 of the registry lacks. Contrastive
    # learning and local synchronised batch norm use them, detection does not.
    _distributed = importlib.import_module("pytorchvideo.layers.distributed")
    for _name in (
        "cat_all_gather",
        "get_local_process_group",
        "get_local_rank",
        "get_local_size",
        "init_distributed_training",
    ):
        if not hasattr(_distributed, _name):
            setattr(_distributed, _name, _missing_from_pytorchvideo(_name))

with _imported_when_called("matplotlib", "matplotlib.pyplot"), warnings.catch_warnings():
    # The libraries below PySlowFast use functions that torch and torchvision have deprecated.
    warnings.simplefilter("ignore")
    import slowfast.utils.checkpoint as checkpoint
    import slowfast.utils.distributed as distributed
    import slowfast.utils.logging as _slowfast_logging
    from slowfast.config import defaults as _defaults
    from slowfast.datasets.build import DATASET_REGISTRY, build_dataset  # noqa: F401
    from slowfast.datasets.loader import detection_collate  # noqa: F401
    from slowfast.models import optimizer as _optimizer
    from slowfast.models import video_model_builder as _builder
    from slowfast.models.head_helper import ResNetRoIHead  # noqa: F401
    from slowfast.models.optimizer import get_epoch_lr  # noqa: F401
    from slowfast.utils import ava_eval_helper as ava_evaluation  # noqa: F401
    from slowfast.utils import lr_policy as _lr_policy
    from slowfast.utils import meters as _meters
    from slowfast.utils.c2_model_loading import get_name_convert_func
    from slowfast.utils.misc import frozen_bn_stats  # noqa: F401

_ITERATION = "_iteration_"
BEST_CHECKPOINT = "model_best.pyth"
VERSION = "checkout" if _IS_CHECKOUT else "1.0"

# numpy 1.24 removed `float` and `bool`, which the AVA metrics of 1.0 use; only that module sees them.
_evaluation_package = ava_evaluation.object_detection_evaluation.__package__
metrics = importlib.import_module(f"{_evaluation_package}.metrics")
per_image_evaluation = importlib.import_module(f"{_evaluation_package}.per_image_evaluation")
if not _IS_CHECKOUT:
    metrics.np = types.SimpleNamespace(**{**vars(np), "float": float, "bool": bool})

caffe2_name = get_name_convert_func()
"""PySlowFast's name of a Caffe2 blob."""

LR_POLICIES = tuple(name.removeprefix("lr_func_") for name in vars(_lr_policy) if name.startswith("lr_func_"))
OPTIMIZERS = ("sgd", "adam", "adamw", "mt_adamw") if _IS_CHECKOUT else ("sgd", "adam")
"""What SOLVER.LR_POLICY and SOLVER.OPTIMIZING_METHOD may name."""

# Blocks of the stages of depths that neither version lists.
_builder._MODEL_STAGE_DEPTH.setdefault(14, (1, 1, 1, 1))
_builder._MODEL_STAGE_DEPTH.setdefault(26, (2, 2, 2, 2))
_builder._MODEL_STAGE_DEPTH.setdefault(152, (3, 8, 36, 3))

if _IS_CHECKOUT:
    from slowfast.models.build import MODEL_REGISTRY
    from slowfast.models.video_model_builder import SlowFast
else:
    # 1.0 has a fixed table of models instead of a registry, under another class name.
    MODEL_REGISTRY = Registry("MODEL")
    SlowFast = _builder.SlowFastModel


class AVAMeter(_meters.AVAMeter):
    """PySlowFast's AVAMeter with the one call that 1.0 lacks."""

    if not _IS_CHECKOUT:

        def data_toc(self) -> None:
            """The checkout's meter times the data; 1.0 does not."""


def _complete_config(cfg: CfgNode) -> None:
    """Adds the keys of the checkout that the YAML files use and 1.0 lacks, with the checkout's defaults."""

    def add(node: CfgNode, **keys: object) -> None:
        for key, value in keys.items():
            if key not in node:
                node[key] = value

    add(cfg, TENSORBOARD=CfgNode())
    add(cfg.TENSORBOARD, ENABLE=False, LOG_DIR="")
    add(cfg.MODEL, MODEL_NAME="SlowFast", FROZEN_BN=False)
    add(cfg.TRAIN, MIXED_PRECISION=False)
    add(cfg.SOLVER, CLIP_GRAD_VAL=None, CLIP_GRAD_L2NORM=None, BASE_LR_SCALE_NUM_SHARDS=False)
    # An integer default refuses a warm-up of half an epoch.
    cfg.SOLVER.WARMUP_EPOCHS = float(cfg.SOLVER.WARMUP_EPOCHS)


_complete_config(_defaults._C)


def stage_depths(depth: int) -> tuple[int, int, int, int]:
    """The residual blocks of each stage for a RESNET.DEPTH."""
    return _builder._MODEL_STAGE_DEPTH[depth]


def extend_config(add_keys) -> None:
    """Calls `add_keys(cfg)` on PySlowFast's defaults, so that its own `get_cfg` knows the keys too."""
    add_keys(_defaults._C)


def get_cfg() -> CfgNode:
    """A copy of PySlowFast's defaults with every registered extension."""
    return _defaults.get_cfg()


def scale_learning_rate(cfg: CfgNode) -> None:
    """Multiplies the learning rates by the number of machines, for SOLVER.BASE_LR_SCALE_NUM_SHARDS."""
    if cfg.SOLVER.BASE_LR_SCALE_NUM_SHARDS:
        for key in {"BASE_LR", "WARMUP_START_LR", "COSINE_END_LR"} & cfg.SOLVER.keys():
            cfg.SOLVER[key] *= cfg.NUM_SHARDS


def build_model(cfg: CfgNode, device: torch.device) -> torch.nn.Module:
    """The model `cfg.MODEL.MODEL_NAME` of MODEL_REGISTRY on `device`, wrapped for data parallelism
    when there are several processes. (1.0's own function insists on CUDA, the checkout's wraps
    only GPUs.)"""
    model = MODEL_REGISTRY.get(cfg.MODEL.MODEL_NAME)(cfg).to(device)
    if cfg.SPEED.CHANNELS_LAST:
        model = model.to(memory_format=torch.channels_last_3d)
    if torch.distributed.is_initialized() and torch.distributed.get_world_size() > 1:
        model = torch.nn.parallel.DistributedDataParallel(model)
    return model


def construct_optimizer(
    model: torch.nn.Module, cfg: CfgNode, lr_factors: Mapping[torch.nn.Parameter, float] = types.MappingProxyType({})
) -> torch.optim.Optimizer:
    """PySlowFast's optimizer, in which some parameters learn at a multiple of the rate that `set_lr` sets."""
    optimizer = _optimizer.construct_optimizer(model, cfg)
    groups = []
    for group in optimizer.param_groups:
        by_factor = {}
        for parameter in group["params"]:
            by_factor.setdefault(lr_factors.get(parameter, 1.0), []).append(parameter)
        for factor, parameters in by_factor.items():
            groups.append({**group, "params": parameters, "layer_decay": group.get("layer_decay", 1.0) * factor})
            if cfg.SPEED.FUSED_OPTIMIZER and "fused" in group:
                groups[-1] |= {"fused": True, "foreach": False}
    optimizer.param_groups = groups
    return optimizer


if _IS_CHECKOUT:
    set_lr = _optimizer.set_lr
else:

    def set_lr(optimizer: torch.optim.Optimizer, new_lr: float) -> None:
        """As the checkout: each group learns at `new_lr` times its `layer_decay`, which 1.0 does not know."""
        for group in optimizer.param_groups:
            group["lr"] = new_lr * group.get("layer_decay", 1.0)


def pack_sample(inputs: list, labels: np.ndarray, index: int, extra: dict) -> tuple:
    """One data set item as this version's `detection_collate` takes it (the checkout adds a time)."""
    return (inputs, labels, index, 0, extra) if _IS_CHECKOUT else (inputs, labels, index, extra)


def unpack_batch(batch: tuple) -> tuple:
    """(inputs, labels, index, extra) of a collated batch."""
    inputs, labels, index, *_time, extra = batch
    return inputs, labels, index, extra


def checkpoint_path(output_dir: str, epoch: int, iteration: int = 0) -> Path:
    """Where PySlowFast keeps the checkpoint after `epoch` epochs (1 is the first); beside it that of a run which was stopped
    `iteration` iterations later."""
    path = Path(checkpoint.get_path_to_checkpoint(output_dir, epoch))
    return path.with_stem(f"{path.stem}{_ITERATION}{iteration:06}") if iteration else path


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints of a training in its folder of them, the newest last."""
    return sorted(folder.glob("checkpoint_epoch_*.pyth"), key=lambda path: path.stem)


def run_checkpoints(output_dir: str) -> list[Path]:
    """The checkpoints in PySlowFast's folder, the newest last."""
    return checkpoints(Path(checkpoint.get_checkpoint_dir(output_dir)))


def last_checkpoint(output_dir: str) -> Path | None:
    """The newest checkpoint in PySlowFast's folder, None where there is none."""
    paths = run_checkpoints(output_dir)
    return paths[-1] if paths else None


def is_own_checkpoint(path: Path) -> bool:
    """Whether a training has written this file where it lies."""
    return path.parent.name == "checkpoints" and path.match("checkpoint_epoch_*.pyth") or path.name == BEST_CHECKPOINT


def outdated_checkpoints(path: Path) -> list[Path]:
    """Checkpoints of stopped runs in the folder of `path`, other than this one."""
    return [found for found in path.parent.glob(f"checkpoint_epoch_*{_ITERATION}*.pyth") if found != path]


_EVALUATION_MODULES = ("ava_helper", "object_detection_evaluation")


def _log_to_file(logger: logging.Logger, path: Path, line: str) -> None:
    for earlier in [handler for handler in logger.handlers if isinstance(handler, logging.FileHandler)]:
        logger.removeHandler(earlier)
        earlier.close()
    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter(line))
    logger.addHandler(handler)


def setup_logging(output_dir: str) -> None:
    """PySlowFast's console logging, with everything in `output_dir/stdout.log` too, and the json_stats
    lines in `output_dir/json_stats.log`. The console leaves those lines out, which are for machines, and
    those of the AVA evaluation. Files of an earlier run in this process get no further lines.
    """
    Path(output_dir).mkdir(parents=True, exist_ok=True)
    if _IS_CHECKOUT:
        logging.root.handlers.clear()
        _slowfast_logging.setup_logging(output_dir)
    else:
        _slowfast_logging.setup_logging()
        if distributed.get_rank() == 0:
            _log_to_file(logging.root, Path(output_dir) / "stdout.log", "[%(asctime)s][%(levelname)s] %(message)s")
            _log_to_file(
                _slowfast_logging.get_logger(_slowfast_logging.__name__),
                Path(output_dir) / "json_stats.log",
                "%(message)s",
            )
    # A log for which there is no room is no reason to fill the console: what matters for the run says so itself.
    logging.raiseExceptions = False
    # The checkout logs at DEBUG, which floods the console with h5py's and matplotlib's messages.
    logging.root.setLevel(logging.INFO)
    for handler in logging.root.handlers:
        if getattr(handler, "stream", None) is sys.stdout:
            handler.addFilter(_is_for_people)
            handler.handleError = _handle_error


def _is_for_people(record: logging.LogRecord) -> bool:
    return record.module not in _EVALUATION_MODULES and not record.getMessage().startswith("json_stats")


def _handle_error(record: logging.LogRecord) -> None:
    """A console that no one reads any more, as behind `head`, is no reason to end or to complain; files have every line."""
    if not isinstance(sys.exc_info()[1], BrokenPipeError):
        logging.Handler.handleError(logging.lastResort, record)


def log_json_stats(stats: dict, output_dir: str) -> None:
    """Logs `stats` as one of PySlowFast's json_stats lines."""
    if _IS_CHECKOUT:
        _slowfast_logging.log_json_stats(stats, output_dir)
    else:
        _slowfast_logging.log_json_stats(stats)
