"""PySlowFast's SlowFast detector for thermal clips."""

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from slowfast_thermal.models.feature_bank import FeatureBank
from slowfast_thermal.models.folding import fold_channels, fold_norms
from slowfast_thermal.models.input_layer import ThermalInput
from slowfast_thermal.models.person_crops import PersonCrops, window_views
from slowfast_thermal.models.roi_head import IARoIHead, Pooled, describe_boxes
from slowfast_thermal.pyslowfast import MODEL_REGISTRY, SlowFast


class ScoresInEvaluation(nn.Module):
    """The head's activation: logits while training, where the loss needs them, probabilities otherwise.

    Args:
        multi_label: a person may have several actions (sigmoid) or has one (softmax).
    """

    def __init__(self, multi_label: bool):
        super().__init__()
        self.activation = nn.Sigmoid() if multi_label else nn.Softmax(dim=1)

    def forward(self, logits: torch.Tensor) -> torch.Tensor:
        """Maps (R, C) to (R, C) for R people and C classes."""
        return logits if self.training else self.activation(logits.float())


class LateralConvolution(nn.Module):
    """How AlphAction ("bias") and MMAction2 join the fast pathway to the slow one: without norm and ReLU.

    It takes the place of PySlowFast's FuseFastToSlow and has the name of its convolution.

    Args:
        fuse: PySlowFast's layer.
        bias: whether the convolution has one.
    """

    def __init__(self, fuse: nn.Module, bias: bool):
        super().__init__()
        conv = fuse.conv_f2s
        self.conv_f2s = nn.Conv3d(
            conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, conv.padding, bias=bias
        )
        nn.init.kaiming_normal_(self.conv_f2s.weight, mode="fan_out", nonlinearity="relu")
        if bias:
            nn.init.zeros_(self.conv_f2s.bias)

    def forward(self, pathways: list[torch.Tensor]) -> list[torch.Tensor]:
        """Slow and fast features (N, C, T, H, W); the slow ones gain the channels that come from the fast ones."""
        slow, fast = pathways
        return [torch.cat([slow, self.conv_f2s(fast)], 1), fast]


@MODEL_REGISTRY.register()
class ThermalSlowFast(SlowFast):
    """SlowFast (Feichtenhofer et al., arXiv:1812.03982) with its RoI head behind an input layer.

    The head is PySlowFast's, or IARoIHead for IA.ENABLE, THERMAL.PERSON_CROPS and THERMAL.BOX_FEATURES, where it
    may be without interactions. With THERMAL.PERSON_CROPS the input layer cuts a window around each person out of the clip,
    and the backbone sees people in place of clips. The other parameters have PySlowFast's names and shapes.
    SLOWFAST.LATERAL and RESNET.STEM_POOL_PADDING make it the variant that other sources of weights have.
    """

    def __init__(self, cfg):
        super().__init__(cfg)
        if cfg.SLOWFAST.LATERAL != "norm":
            for name in ("s1_fuse", "s2_fuse", "s3_fuse", "s4_fuse"):
                setattr(self, name, LateralConvolution(getattr(self, name), bias=cfg.SLOWFAST.LATERAL == "bias"))
        for stem in (self.s1.pathway0_stem, self.s1.pathway1_stem):
            stem.pool_layer.padding = [0, cfg.RESNET.STEM_POOL_PADDING, cfg.RESNET.STEM_POOL_PADDING]
        mean, std = cfg.DATA.MEAN, cfg.DATA.STD
        if cfg.SPEED.FOLD_NORM:
            fold_norms(self)
        if cfg.SPEED.FOLD_CHANNELS and len(cfg.THERMAL.CHANNELS) == 1 and len(set(mean)) == len(set(std)) == 1:
            mean, std = mean[:1], std[:1]
            fold_channels(self.s1.pathway0_stem)
            fold_channels(self.s1.pathway1_stem)
        node = cfg.THERMAL
        prepare = node.INPUT_SIZE, mean, std, cfg.SPEED.CHANNELS_LAST, node.CHANNELS
        if node.PERSON_CROPS.ENABLE:
            self.input_layer = PersonCrops(*prepare, node.PERSON_CROPS.UNIT, node.PERSON_CROPS.SIZE)
        else:
            self.input_layer = ThermalInput(*prepare)
        self._box_features = node.BOX_FEATURES
        self._outward_up = node.PERSON_CROPS.OUTWARD_UP
        if cfg.IA.ENABLE or node.PERSON_CROPS.ENABLE or node.BOX_FEATURES != "none":
            self.head = IARoIHead.from_config(cfg)
        self.head.act = ScoresInEvaluation(multi_label=cfg.MODEL.LOSS_FUNC == "bce")
        self._checkpoints = cfg.SPEED.ACTIVATION_CHECKPOINTS
        if cfg.SPEED.COMPILE:
            # Its eight versions are used up by four stages of one class in training and in evaluation; a last, smaller
            # batch, or another number of people for person crops, needs more.
            torch._dynamo.config.cache_size_limit = max(torch._dynamo.config.cache_size_limit, 64)
            for stage in (self.s1, self.s2, self.s3, self.s4, self.s5):
                stage.compile()

    def new_memory(self, recordings: list[str], penalty: bool = False) -> FeatureBank | None:
        """An empty bank for the people of one split; None for a head that remembers nothing."""
        if not isinstance(self.head, IARoIHead) or "memory" not in self.head.sources:
            return None
        return FeatureBank.for_structure(self.head.structure, recordings, penalty)

    def features(self, inputs: list[torch.Tensor]) -> list[torch.Tensor]:
        """Slow and fast features (N, C, T, H/16, W/16) in float32 of the whole frames of the pathways that `forward` takes.

        Box coordinates in the backbone's bfloat16 would be off by pixels, so no head pools in it.
        """
        return self._backbone(self.input_layer(inputs))

    def _backbone(self, x: list[torch.Tensor]) -> list[torch.Tensor]:
        """Features in float32 of pathways as the input layer gives them."""
        # PySlowFast pools after s2_fuse, but for SlowFast over one pixel, which copies: that is left out.
        stages = (self.s1, self.s1_fuse, self.s2, self.s2_fuse, self.s3, self.s3_fuse, self.s4, self.s4_fuse, self.s5)
        for stage in stages:
            x = self._run(stage, x)
        return [pathway.float() for pathway in x]

    def _run(self, stage: nn.Module, pathways: list[torch.Tensor]) -> list[torch.Tensor]:
        """A stage's result; with activation checkpoints its inside is computed again in the backward pass."""
        if not (self._checkpoints and self.training):
            return stage(pathways)
        # A stage replaces the entries of the list that it is given.
        return checkpoint(lambda *x: stage(list(x)), *pathways, use_reentrant=False)

    def pool(
        self,
        inputs: list[torch.Tensor],
        bboxes: torch.Tensor,
        objects: torch.Tensor | None = None,
        views: torch.Tensor | None = None,
    ) -> Pooled:
        """The people and objects of N clips for `head.classify`; for a head that is an IARoIHead.

        Args:
            inputs, bboxes: as of `forward`.
            objects: (Q, 5), like `bboxes`; None: there are none.
            views: (N, 4) of PersonCrops, on the device of `bboxes`; None: none is changed.
        """
        objects = self.head.used_objects(bboxes, objects)
        boxes = torch.cat([bboxes, objects])
        crops = isinstance(self.input_layer, PersonCrops)
        if crops or self._box_features != "none":
            size = inputs[0].shape[-2:] if crops else self.input_layer.size
            views = window_views(boxes, size, views, self._outward_up)
        if crops:
            windows = self.input_layer(inputs, boxes, views)
            pooled = self.head.pool_crops(self._backbone(windows), bboxes, objects, inputs[0].shape[0])
        else:
            pooled = self.head.pool(self.features(inputs), bboxes, objects)
        if self._box_features == "none":
            return pooled
        boxes = describe_boxes(boxes, size, self._box_features, views)
        boxes = boxes.to(pooled.persons.device, non_blocking=True)
        persons, others = boxes[: bboxes.shape[0]], boxes[bboxes.shape[0] :]
        return pooled._replace(
            persons=torch.cat([pooled.persons, persons], 1), objects=torch.cat([pooled.objects, others], 1)
        )

    def forward(
        self,
        inputs: list[torch.Tensor],
        bboxes: torch.Tensor,
        objects: torch.Tensor | None = None,
        memory: torch.Tensor | None = None,
        views: torch.Tensor | None = None,
        return_pooled: bool = False,
    ) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
        """Classifies the people of N clips.

        Args:
            inputs: slow and fast pathway, each (N, S, T, h, w) float32 in [0, 1].
            bboxes: (R, 5) float32, the clip's place in the batch and x1, y1, x2, y2 in pixels of the
                network's input, or of the clip for person crops; on any device.
            objects, memory, return_pooled: as of IARoIHead.
            views: (N, 4) of PersonCrops, on the device of `bboxes`.

        Returns:
            (R, C): logits in training mode, probabilities in evaluation mode; with `return_pooled` people's features too.
        """
        if not isinstance(self.head, IARoIHead):  # which counts the people of a clip where the boxes lie
            features = self.features(inputs)
            return self.head(features, bboxes.to(features[0].device, non_blocking=True))
        pooled = self.pool(inputs, bboxes, objects, views)
        scores = self.head.classify(pooled, memory)
        return (scores, pooled.persons.detach()) if return_pooled else scores
