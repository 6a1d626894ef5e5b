"""Where pretrained weights come from: how each source names SlowFast's tensors, and in what its network differs.

Every source is brought to PySlowFast's names, which are this project's. Interactions come from AlphAction and keep
the names of `models.roi_head.IARoIHead`.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import yaml
from torch import Tensor

from slowfast_thermal import pyslowfast
from slowfast_thermal.checkpoint.checks import is_dense
from slowfast_thermal.checkpoint.files import read_file
from slowfast_thermal.checkpoint.origin import Labels, learned_labels
from slowfast_thermal.config_values import checked, leaves
from slowfast_thermal.errors import InputError

STATISTICS_COUNT = "num_batches_tracked"
"""Ends the names of counters of batch norm, which compute nothing and which some sources lack."""


SETTINGS = {
    "RESNET.STEM_POOL_PADDING": 1,
    "RESNET.SPATIAL_DILATIONS": [[1, 1], [1, 1], [1, 1], [2, 2]],
    "DETECTION.ALIGNED": True,
    "DETECTION.ROI_XFORM_RESOLUTION": 7,
    "THERMAL.TEST_BOX_ENLARGE": [0.0, 0.0],
}
"""In what the networks of the sources differ without a trace in their tensors, with PySlowFast's values."""
# What else leaves no trace there, and is known where a checkpoint records it.
_RECORDED = ("RESNET.SPATIAL_STRIDES", "DETECTION.SPATIAL_SCALE_FACTOR")
# The same of clips, told where they are thermal ones: mean and rate of the sources' pictures have no counterpart.
_RECORDED_OF_CLIPS = (
    "DATA.NUM_FRAMES",
    "DATA.SAMPLING_RATE",
    "DATA.MEAN",
    "DATA.STD",
    "SLOWFAST.ALPHA",
    "THERMAL.TEMPERATURE_RANGE",
    "THERMAL.KEYFRAME_POSITION",
    "THERMAL.INPUT_SIZE",
    "THERMAL.CLIP_SECONDS",
    "THERMAL.CHANNELS",
    "THERMAL.DIFFERENCE_SECONDS",
    "THERMAL.BOX_FEATURES",
    "THERMAL.PERSON_CROPS.ENABLE",
    "THERMAL.PERSON_CROPS.UNIT",
    "THERMAL.PERSON_CROPS.SIZE",
    "THERMAL.PERSON_CROPS.OUTWARD_UP",
)


@dataclass(frozen=True)
class Source:
    """One kind of checkpoint.

    Attributes:
        name: as of TRAIN.CHECKPOINT_TYPE.
        title: for people.
        mark: a tensor whose name matches this expression is in every checkpoint of the source and in no other's.
        to_pyslowfast: PySlowFast's name of a tensor, None for one that has no place here.
        settings: configuration with which our network computes what the source's does, where that cannot be read
            from the tensors; SETTINGS in all else.
    """

    name: str
    title: str
    mark: str
    to_pyslowfast: Callable[[str], str | None]
    settings: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Weights:
    """A checkpoint under PySlowFast's names.

    Attributes:
        path: of the file.
        source: what kind it is.
        tensors: by PySlowFast's names.
        ignored: the file's names of tensors that have no place here.
        classes: the names of the classes where the file tells them.
        settings: configuration with which our network computes what the source's did, where the tensors do not tell.
        learned: the labels that it was trained on, where the file tells them.
    """

    path: Path
    source: Source
    tensors: dict[str, Tensor]
    ignored: list[str]
    classes: list[str] | None
    settings: Mapping[str, object]
    learned: Labels | None = None


def _renamer(*rules: tuple[str, str | Callable[[re.Match], str]]) -> Callable[[str], str | None]:
    """A function that rewrites a name by the first rule whose expression matches all of it."""

    def rename(name: str) -> str | None:
        for expression, new_name in rules:
            match = re.fullmatch(expression, name)
            if match:
                return new_name(match) if callable(new_name) else match.expand(new_name)
        return None

    return rename


_PATHWAYS = {"slow": 0, "fast": 1}
_LETTERS = {"1": "a", "2": "b", "3": "c"}


def _residual_unit(match: re.Match) -> str:
    """From pathway, stage, block, unit (conv1 to conv3, or another name for the shortcut), conv or bn, and the rest."""
    pathway, stage, block, unit, kind, rest = match.groups()
    branch = f"branch2.{_LETTERS[unit[-1]]}" if unit.startswith("conv") else "branch1"
    return f"s{int(stage) + 1}.pathway{_PATHWAYS[pathway]}_res{block}.{branch}{'_bn' if kind == 'bn' else ''}.{rest}"


_HEAD = r"roi_heads\.action\.feature_extractor\."
_ALPHACTION = _renamer(
    (
        r"backbone\.(slow|fast)\.(conv|bn)1\.(\w+)",
        lambda match: f"s1.pathway{_PATHWAYS[match[1]]}_stem.{match[2]}.{match[3]}",
    ),
    (
        r"backbone\.(slow|fast)\.res_nl(\d)\.res_(\d+)\.(?:btnk\.)?(conv[123]|shortcut)\.(conv|bn)\.(\w+)",
        _residual_unit,
    ),
    (r"backbone\.fast\.Tconv(\d)\.conv\.(\w+)", r"s\1_fuse.conv_f2s.\2"),
    (_HEAD + r"ia_structure\.person_dim_reduce\.(\w+)", r"head.structure.reduce_query.\1"),
    (_HEAD + r"ia_structure\.person_key_dim_reduce\.(\w+)", r"head.structure.reduce.person.\1"),
    (_HEAD + r"ia_structure\.object_dim_reduce\.(\w+)", r"head.structure.reduce.object.\1"),
    (_HEAD + r"ia_structure\.mem_dim_reduce\.(\w+)", r"head.structure.reduce.memory.\1"),
    (_HEAD + r"ia_structure\.([POM])_block_(\d+)\.temporal_position_k", r"head.structure.blocks.\1\2.key_position"),
    (_HEAD + r"ia_structure\.([POM])_block_(\d+)\.temporal_position_v", r"head.structure.blocks.\1\2.value_position"),
    (_HEAD + r"ia_structure\.([POM])_block_(\d+)\.(\w+\.\w+)", r"head.structure.blocks.\1\2.\3"),
    (_HEAD + r"ia_structure\.dense_params\.(\d+)", r"head.structure.result_weights.\1"),
    (_HEAD + r"(fc[12]\.\w+)", r"head.hidden.\1"),
    (r"roi_heads\.action\.predictor\.cls_score\.(\w+)", r"head.projection.\1"),
)


def _pytorchvideo_unit(match: re.Match) -> str:
    stage, pathway, block, branch1, branch2, letter, rest = match.groups()
    if branch1:
        unit = "branch1" if branch1 == "conv" else "branch1_bn"
    else:
        unit = f"branch2.{letter}" if branch2 == "conv" else f"branch2.{letter}_bn"
    return f"s{int(stage) + 1}.pathway{pathway}_res{block}.{unit}.{rest}"


_PYTORCHVIDEO = _renamer(
    (r"(?:model\.)?blocks\.0\.multipathway_blocks\.([01])\.conv\.(\w+)", r"s1.pathway\1_stem.conv.\2"),
    (r"(?:model\.)?blocks\.0\.multipathway_blocks\.([01])\.norm\.(\w+)", r"s1.pathway\1_stem.bn.\2"),
    (
        r"(?:model\.)?blocks\.([0-3])\.multipathway_fusion\.(conv_fast_to_slow|norm)\.(\w+)",
        lambda match: f"s{int(match[1]) + 1}_fuse.{'bn' if match[2] == 'norm' else 'conv_f2s'}.{match[3]}",
    ),
    (
        r"(?:model\.)?blocks\.([1-4])\.multipathway_blocks\.([01])\.res_blocks\.(\d+)\."
        r"(?:branch1_(conv|norm)|branch2\.(conv|norm)_([abc]))\.(\w+)",
        _pytorchvideo_unit,
    ),
    (r"(?:blocks\.\d|detection_head)\.proj\.(\w+)", r"head.projection.\1"),
)


_MMACTION2 = _renamer(
    (
        r"(?:backbone\.)?(slow|fast)_path\.conv1\.(conv|bn)\.(\w+)",
        lambda match: f"s1.pathway{_PATHWAYS[match[1]]}_stem.{match[2]}.{match[3]}",
    ),
    (r"(?:backbone\.)?slow_path\.conv1_lateral\.conv\.(\w+)", r"s1_fuse.conv_f2s.\1"),
    (r"(?:backbone\.)?slow_path\.conv1_lateral\.bn\.(\w+)", r"s1_fuse.bn.\1"),
    (
        r"(?:backbone\.)?slow_path\.layer([123])_lateral\.(conv|bn)\.(\w+)",
        lambda match: f"s{int(match[1]) + 1}_fuse.{'bn' if match[2] == 'bn' else 'conv_f2s'}.{match[3]}",
    ),
    (
        r"(?:backbone\.)?(slow|fast)_path\.layer([1-4])\.(\d+)\.(conv[123]|downsample)\.(conv|bn)\.(\w+)",
        _residual_unit,
    ),
    (r"roi_head\.bbox_head\.fc_cls\.(\w+)", r"head.projection.\1"),
)


def _from_caffe2(name: str) -> str | None:
    new_name = pyslowfast.caffe2_name(name)
    return new_name if re.fullmatch(r"(s\d|head).*\.(weight|bias|running_mean|running_var)", new_name) else None


SOURCES = {
    source.name: source
    for source in (
        Source("pyslowfast", "PySlowFast", r"s1\.pathway0_stem\.conv\.weight", lambda name: name),
        Source("caffe2", "Caffe2", r"conv1_w", _from_caffe2, SETTINGS | {"DETECTION.ALIGNED": False}),
        Source(
            "alphaction",
            "AlphAction",
            r"backbone\.slow\.conv1\.weight",
            _ALPHACTION,
            SETTINGS
            | {"RESNET.STEM_POOL_PADDING": 0, "DETECTION.ALIGNED": False, "THERMAL.TEST_BOX_ENLARGE": [0.1, 0.05]},
        ),
        Source(
            "pytorchvideo",
            "PyTorchVideo",
            r"(model\.)?blocks\.0\.multipathway_blocks\.0\.conv\.weight",
            _PYTORCHVIDEO,
            SETTINGS | {"DETECTION.ALIGNED": False},
        ),
        Source(
            "mmaction2",
            "MMAction2",
            r"(backbone\.)?slow_path\.conv1\.conv\.weight",
            _MMACTION2,
            SETTINGS | {"RESNET.SPATIAL_DILATIONS": [[1, 1]] * 4, "DETECTION.ROI_XFORM_RESOLUTION": 8},
        ),
    )
}
"""By name."""


def read_weights(path: Path, kind: str = "pytorch") -> Weights:
    """Reads a checkpoint of any source.

    Args:
        path: of the file.
        kind: a name of SOURCES, or "pytorch" to find out.

    Raises:
        InputError: the file cannot be read as data, or it is not of this kind.
    """
    content = read_file(path)
    found = _state_dict(path, content)
    source = _source_of(found)
    if source is None and any("classification_head." in name for name in found):
        raise InputError(
            f"{path} is a detector of people and knows no actions: give it as THERMAL.PEOPLE_CHECKPOINT or --detector."
        )
    if source is None:
        raise InputError(
            f"{path} is of another network than SlowFast: no {', '.join(s.title for s in SOURCES.values())} checkpoint of it "
            f"has tensors such as '{next(iter(found))}'; give one of these."
        )
    if kind not in ("pytorch", source.name):
        raise InputError(
            f"{path} is a checkpoint of {source.title}, but CHECKPOINT_TYPE is {kind}: set it to {source.name}, or to pytorch "
            "to find out."
        )
    return Weights(
        path,
        source,
        *convert(source, found),
        classes=_class_names(content),
        settings=_recorded_settings(content) if source.name == "pyslowfast" else source.settings,
        learned=learned_labels(content),
    )


def convert(source: Source, found: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Tensors under PySlowFast's names, and the names of those that have no place here.

    AlphAction's linear layers, which are 1x1x1 convolutions there, become matrices. MMAction2's detectors have a first
    class for the background, which is dropped.
    """
    tensors, ignored = {}, []
    for name, tensor in found.items():
        new_name = source.to_pyslowfast(name)
        if new_name is None:
            ignored.append(name)
        elif new_name.startswith("head."):
            tensors[new_name] = tensor.flatten(1) if tensor.dim() > 1 else tensor
        else:
            tensors[new_name] = tensor
    if source.name == "mmaction2":
        tensors |= {name: tensor[1:] for name, tensor in tensors.items() if name.startswith("head.projection.")}
    return tensors, ignored


def _state_dict(path: Path, content: object) -> dict[str, Tensor]:
    """The tensors by name, wherever the file keeps them, without the prefixes of wrappers."""
    if not isinstance(content, dict):
        raise InputError(f"{path} holds a {type(content).__name__} and no tensors by name: give a checkpoint.")
    for key in ("model_state", "state_dict", "model", "blobs"):
        if isinstance(content.get(key), dict):
            content = content[key]
            break
    tensors = {
        name: torch.from_numpy(tensor) if isinstance(tensor, np.ndarray) else tensor
        for name, tensor in content.items()
        if isinstance(name, str) and (isinstance(tensor, np.ndarray) or is_dense(tensor))
    }
    if not tensors:
        raise InputError(f"{path} holds no tensors: give a checkpoint with the network's weights.")
    return _without_wrappers(tensors)


# What wrappers, and trainers that keep their network in an attribute, put before its names.
_WRAPPERS = ("module.", "_orig_mod.", "model.", "network.")


def _without_wrappers(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under names of a source: without what wrappers put before them, and without the mark of compiled parts."""
    tensors = {name.replace("._orig_mod.", "."): tensor for name, tensor in tensors.items()}
    prefix = next((prefix for prefix in _WRAPPERS if any(name.startswith(prefix) for name in tensors)), None)
    if prefix is None or _source_of(tensors):
        return tensors
    return _without_wrappers({name.removeprefix(prefix): tensor for name, tensor in tensors.items()})


def _source_of(names: Iterable[str]) -> Source | None:
    return next((s for s in SOURCES.values() if any(re.fullmatch(s.mark, name) for name in names)), None)


def _class_names(content: dict) -> list[str] | None:
    classes = content.get("classes")
    return classes if isinstance(classes, list) and all(isinstance(name, str) for name in classes) else None


def _recorded_settings(content: dict) -> dict[str, object]:
    """What a PySlowFast checkpoint's configuration says of the keys that its tensors do not tell and its network uses."""
    try:
        found = leaves(yaml.safe_load(content["cfg"]))
    except Exception:  # which one depends on what the file holds
        return {}
    if "THERMAL.PERSON_CROPS.ENABLE" in found:
        # Networks from before the key turned no window.
        found = {"THERMAL.PERSON_CROPS.OUTWARD_UP": False, **found}
    defaults, settings = leaves(pyslowfast.get_cfg()), {}
    is_thermal = any(key.startswith("THERMAL.") for key in found)
    for key in (*SETTINGS, *_RECORDED, *(_RECORDED_OF_CLIPS if is_thermal else ())):
        # A value that the key does not take tells nothing.
        with suppress(KeyError, InputError):
            settings[key] = checked(key, found[key], defaults[key])
    unused = set()
    if settings.get("THERMAL.PERSON_CROPS.ENABLE") is False:
        unused |= {f"THERMAL.PERSON_CROPS.{name}" for name in ("UNIT", "SIZE", "OUTWARD_UP")}
    if "difference" not in settings.get("THERMAL.CHANNELS", ["difference"]):
        unused.add("THERMAL.DIFFERENCE_SECONDS")
    return {key: value for key, value in settings.items() if key not in unused}
