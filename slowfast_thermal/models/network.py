"""PySlowFast's SlowFast detector for thermal clips."""

import torch
from torch import nn

from slowfast_thermal.models.input_layer import ThermalInput
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


def _in_float32(_head: nn.Module, inputs: tuple) -> tuple:
    features, boxes = inputs
    return [feature.float() for feature in features], boxes


@MODEL_REGISTRY.register()
class ThermalSlowFast(SlowFast):
    """SlowFast (Feichtenhofer et al., arXiv:1812.03982) with its RoI head behind an input layer.

    The parameters have PySlowFast's names and shapes.
    """

    def __init__(self, cfg):
        super().__init__(cfg)
        self.input_layer = ThermalInput(cfg.THERMAL.INPUT_SIZE, cfg.DATA.MEAN, cfg.DATA.STD)
        self.head.act = ScoresInEvaluation(multi_label=cfg.MODEL.LOSS_FUNC == "bce")
        # Box coordinates in bfloat16 would be off by pixels.
        self.head.register_forward_pre_hook(_in_float32)

    def forward(self, inputs: list[torch.Tensor], bboxes: torch.Tensor) -> torch.Tensor:
        """Classifies the people of N clips.

        Args:
            inputs: slow and fast pathway, each (N, 1, T, h, w) float32 in [0, 1].
            bboxes: (R, 5) float32, the clip's place in the batch and x1, y1, x2, y2 in pixels of the
                network's input.

        Returns:
            (R, C): logits in training mode, probabilities in evaluation mode.
        """
        return super().forward(self.input_layer(inputs), bboxes)
