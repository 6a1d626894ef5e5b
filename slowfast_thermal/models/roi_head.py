"""PySlowFast's RoI head with interactions: pool people and objects, relate them, classify.

Letters in shapes:
    N: clips; R: people over all clips; Q: objects over all clips; S: seconds of memory
    M: people of one second; D: channels of a pooled feature
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from slowfast_thermal.config_values import NUM_BOX_FEATURES
from slowfast_thermal.errors import InputError
from slowfast_thermal.models.interaction import STRUCTURE_REGISTRY, ClipGroups, InteractionStructure, fit_rows
from slowfast_thermal.models.person_crops import turned_size
from slowfast_thermal.pyslowfast import ResNetRoIHead

# Widths of the hidden layers of the classifiers that IA.CLASSIFIER names.
_HIDDEN_DIMS = {"projection": (), "mlp": (1024, 1024)}


class Pooled(NamedTuple):
    """The people and objects of N clips."""

    persons: Tensor
    """(R, D)."""
    person_clips: Tensor
    """(R,) int64, the clip of each person, on the device of the boxes."""
    num_clips: int
    """N."""
    objects: Tensor
    """(Q, D); no rows where the structure has no use for objects."""
    object_clips: Tensor
    """(Q,) int64."""


class IARoIHead(ResNetRoIHead):
    """Classifies people by their own features and by what an interaction structure adds to them.

    The pooling is PySlowFast's: mean over time, RoIAlign, maximum over the box, slow and fast side by side.
    `forward` does everything; `pool` and `classify` are its halves, for a memory that must know every
    keyframe before any is classified.

    Args:
        structure: reads features of `sum(dim_in)` channels; None: people are judged by their own features alone.
        dim_in, num_classes, pool_size, resolution, scale_factor, aligned: as PySlowFast's ResNetRoIHead.
        dropout_rate: probability, before the last layer.
        fusion: "add" what the interactions give to a person's own feature, or "concat" both.
        hidden_dims: widths of layers with ReLU before the last layer; none is PySlowFast's single projection,
            (1024, 1024) is AlphAction's classifier.
        init_std: standard deviation of the last layer's initial weights.
        num_box_features: channels that a pooled feature has besides (see `describe_boxes`).

    Raises:
        ValueError: `fusion` is "add" and the structure gives another number of channels than D.
    """

    def __init__(
        self,
        structure: InteractionStructure | None,
        dim_in: Sequence[int],
        num_classes: int,
        pool_size: Sequence[Sequence[int]],
        resolution: Sequence[Sequence[int]],
        scale_factor: Sequence[int],
        aligned: bool = True,
        dropout_rate: float = 0.0,
        fusion: str = "add",
        hidden_dims: Sequence[int] = (),
        init_std: float = 0.01,
        num_box_features: int = 0,
    ) -> None:
        super().__init__(dim_in, num_classes, pool_size, resolution, scale_factor, act_func="sigmoid", aligned=aligned)
        dim = sum(dim_in) + num_box_features
        dim_interactions = structure.dim_out if structure else 0
        if structure and fusion == "add" and dim_interactions != dim:
            raise ValueError(f"Fusion by addition needs a structure that gives {dim} channels, not {dim_interactions}.")
        self.structure = structure
        self.sources = structure.sources if structure else {}
        """The kinds of others that people attend to."""
        self.fusion = fusion
        dims = [dim + dim_interactions if fusion == "concat" else dim, *hidden_dims]
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        for number, (dim_from, dim_to) in enumerate(zip(dims, dims[1:]), start=1):
            layers[f"fc{number}"] = nn.Linear(dim_from, dim_to)
            nn.init.kaiming_uniform_(layers[f"fc{number}"].weight, a=1)
            nn.init.zeros_(layers[f"fc{number}"].bias)
            layers[f"relu{number}"] = nn.ReLU()
        self.hidden = nn.Sequential(layers)
        self.dropout = nn.Dropout(dropout_rate)
        self.projection = nn.Linear(dims[-1], num_classes)
        nn.init.normal_(self.projection.weight, std=init_std)
        nn.init.zeros_(self.projection.bias)

    @classmethod
    def from_config(cls, cfg) -> "IARoIHead":
        """The head of PySlowFast's SlowFast with the structure that config node IA describes, if it is enabled.

        Raises:
            InputError: the keys of IA do not go together.
        """
        width = cfg.RESNET.WIDTH_PER_GROUP * 32
        dim_in = [width, width // cfg.SLOWFAST.BETA_INV]
        num_box_features = NUM_BOX_FEATURES[cfg.THERMAL.BOX_FEATURES]
        related = cfg.IA.ENABLE and cfg.IA.BLOCKS
        return cls(
            _build_structure(cfg.IA, sum(dim_in) + num_box_features) if related else None,
            dim_in,
            cfg.MODEL.NUM_CLASSES,
            pool_size=[[cfg.DATA.NUM_FRAMES // cfg.SLOWFAST.ALPHA, 1, 1], [cfg.DATA.NUM_FRAMES, 1, 1]],
            resolution=[[cfg.DETECTION.ROI_XFORM_RESOLUTION] * 2] * 2,
            scale_factor=[cfg.DETECTION.SPATIAL_SCALE_FACTOR] * 2,
            aligned=cfg.DETECTION.ALIGNED,
            dropout_rate=cfg.MODEL.DROPOUT_RATE,
            fusion=cfg.IA.FUSION,
            hidden_dims=_HIDDEN_DIMS[cfg.IA.CLASSIFIER] if cfg.IA.ENABLE else (),
            init_std=cfg.MODEL.FC_INIT_STD,
            num_box_features=num_box_features,
        )

    def pool(self, inputs: list[Tensor], bboxes: Tensor, objects: Tensor | None = None) -> Pooled:
        """Pools the people and objects of N clips; the arguments are those of `forward`."""
        objects = self.used_objects(bboxes, objects)
        boxes = torch.cat([bboxes, objects]).to(inputs[0].device, non_blocking=True)
        pooled = []
        for pathway, features in enumerate(inputs):
            over_time, align, over_box = (getattr(self, f"s{pathway}_{part}") for part in ("tpool", "roi", "spool"))
            pooled.append(over_box(align(over_time(features).squeeze(2), boxes)))
        return _part(torch.cat(pooled, 1).flatten(1), bboxes, objects, inputs[0].shape[0])

    def pool_crops(self, inputs: list[Tensor], bboxes: Tensor, objects: Tensor, num_clips: int) -> Pooled:
        """Pools people and objects each of which fills a clip of its own: mean over time, maximum over the crop.

        Args:
            inputs: slow and fast features (R + Q, C, T, h, w) of the people, then of the objects.
            bboxes, objects: (R, 5) and (Q, 5), in whose first column stands the clip that each was cut from.
            num_clips: N.
        """
        return _part(torch.cat([crops.mean(2).amax((2, 3)) for crops in inputs], 1), bboxes, objects, num_clips)

    def used_objects(self, bboxes: Tensor, objects: Tensor | None) -> Tensor:
        """(Q, 5) objects for a structure that attends to them, (0, 5) for one that does not."""
        return bboxes[:0] if objects is None or "object" not in self.sources else objects

    def classify(self, pooled: Pooled, memory: Tensor | None = None) -> Tensor:
        """Scores people by their own features and the interactions.

        Args:
            pooled: of the clips.
            memory: (N, S, M, D) people of the seconds around each keyframe, zero rows for no one; None:
                nothing is remembered. The keyframe's own second is not read: there stand the clip's people.

        Returns:
            (R, number of classes): what `act` makes of the logits.
        """
        persons = pooled.persons
        if "memory" in self.sources:
            if memory is None:
                memory = persons.new_zeros(pooled.num_clips, *self.structure.memory_shape)
            memory = self._with_present(memory, pooled).flatten(1, 2)
        if self.structure:
            interactions = self.structure(*pooled, memory)
            persons = persons + interactions if self.fusion == "add" else torch.cat([persons, interactions], 1)
        return self.act(self.projection(self.dropout(self.hidden(persons))))

    def _with_present(self, memory: Tensor, pooled: Pooled) -> Tensor:
        """Memory (N, S, M, D) whose middle second holds the first M people of each clip, without a gradient."""
        groups = ClipGroups(pooled.person_clips, pooled.num_clips, memory.device)
        now = fit_rows(groups.pad(pooled.persons.detach()), memory.shape[2])
        before = self.structure.window[0]
        return torch.cat([memory[:, :before], now[:, None].to(memory.dtype), memory[:, before + 1 :]], 1)

    def forward(
        self,
        inputs: list[Tensor],
        bboxes: Tensor,
        objects: Tensor | None = None,
        memory: Tensor | None = None,
        return_pooled: bool = False,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Scores the people of N clips.

        Args:
            inputs: slow and fast features (N, C, T, h, w).
            bboxes: (R, 5), the clip's index and x1, y1, x2, y2 in pixels of the network's input. How many people a clip
                has is counted where they lie: on the CPU, nothing waits for the device.
            objects: (Q, 5), the same of objects, on the device of `bboxes`; None: there are none.
            memory: see `classify`.
            return_pooled: also return the people's pooled features, for the memory of other clips.

        Returns:
            (R, number of classes), and with `return_pooled` (R, D) without a gradient.
        """
        pooled = self.pool(inputs, bboxes, objects)
        scores = self.classify(pooled, memory)
        return (scores, pooled.persons.detach()) if return_pooled else scores


def _part(vectors: Tensor, bboxes: Tensor, objects: Tensor, num_clips: int) -> Pooled:
    """The first rows of `vectors` (R + Q, D) belong to the people, the others to the objects."""
    persons, others = vectors[: bboxes.shape[0]], vectors[bboxes.shape[0] :]
    return Pooled(persons, bboxes[:, 0].long(), num_clips, others, objects[:, 0].long())


def describe_boxes(boxes: Tensor, size: tuple[int, int], kind: str, views: Tensor | None = None) -> Tensor:
    """Size and place of boxes as the crops of `PersonCrops` show them.

    The size of a turned box is its `turned_size`. Places turn around the centre of the image; a view's shift does not change them.

    Args:
        boxes: (R, 5), the clip and x1, y1, x2, y2 in pixels of the image.
        size: height and width of the image.
        kind: "size" or "size_and_place".
        views: (R, 5) of `window_views`; None: all are straight.

    Returns:
        (R, 2): logarithms of width and height, or (R, 4): then x and y of the centre from the middle of the image; all in
        units of the image's height.
    """
    corners = boxes[:, 1:].float() / size[0]
    wide, tall = (corners[:, 2:] - corners[:, :2]).clamp(min=1e-3).unbind(1)
    x, y = ((corners[:, :2] + corners[:, 2:]) / 2).unbind(1)
    x, y = x - size[1] / size[0] / 2, y - 0.5
    if views is not None:
        cos, sin, scale = views[:, :3].unbind(1)
        wide, tall = (side / scale for side in turned_size(wide, tall, views))
        # The window turns by the angle, so what it shows turns back.
        x, y = (cos * x + sin * y) / scale, (cos * y - sin * x) / scale
    features = torch.stack([wide, tall], 1).log()
    return features if kind == "size" else torch.cat([features, torch.stack([x, y], 1)], 1)


def _build_structure(node, dim_person: int) -> InteractionStructure:
    """What config node IA describes, for people of `dim_person` channels. InputError if its keys do not go together."""
    try:
        return STRUCTURE_REGISTRY.find(node.STRUCTURE)(
            node.BLOCKS,
            dim_person=dim_person,
            dim_inner=node.DIM_INNER,
            dim_out=node.DIM_OUT,
            max_persons=node.MAX_PERSONS,
            max_objects=node.MAX_OBJECTS,
            max_per_second=node.MAX_PER_SECOND,
            window=tuple(node.MEMORY_WINDOW),
            dropout=node.DROPOUT,
            layer_norm=node.LAYER_NORM,
            temporal_position=node.TEMPORAL_POSITION,
            zero_init=node.ZERO_INIT,
            mask_absent=node.MASK_ABSENT,
        )
    except ValueError as error:
        raise InputError(
            f"IA.STRUCTURE {node.STRUCTURE} with IA.BLOCKS {node.BLOCKS} cannot be built: {error}"
        ) from None


def interaction_lr_factors(model: nn.Module, cfg) -> dict[nn.Parameter, float]:
    """By how much IA.LR_FACTOR and IA.BIAS_LR_FACTOR raise the learning rate of interaction parameters."""
    factors = {}
    for structure in (module for module in model.modules() if isinstance(module, InteractionStructure)):
        for name, parameter in structure.named_parameters():
            is_bias = name.endswith("bias")
            factors[parameter] = cfg.IA.LR_FACTOR * (cfg.IA.BIAS_LR_FACTOR if is_bias else 1.0)
    return factors
