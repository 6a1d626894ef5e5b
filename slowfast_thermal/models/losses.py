"""Losses over people, on logits.

Letters: R people, C classes.
"""

import torch
import torch.nn.functional as F
from torch import nn


def class_weights(counts: torch.Tensor, power: float) -> torch.Tensor:
    """Weights of the classes from their numbers of training boxes.

    A class with n boxes weighs n ** -power, scaled so that the mean over the boxes is 1. A class
    without boxes weighs as one with a single box.

    Args:
        counts: (C,) boxes a class.
        power: 0 for equal weights.

    Returns:
        (C,) float32.
    """
    weights = counts.clamp(min=1).double() ** -power
    return (weights * counts.sum() / (weights * counts).sum()).float()


class SoftmaxLoss(nn.Module):
    """Cross-entropy of the softmax, or focal loss (Lin et al., arXiv:1708.02002, equation 5).

    Args:
        weights: (C,) of the classes.
        gamma: exponent of (1 - p); 0 is cross-entropy.
    """

    def __init__(self, weights: torch.Tensor, gamma: float = 0.0):
        super().__init__()
        self.register_buffer("weights", weights)
        self.gamma = gamma

    def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Mean loss of (R, C) logits against (R, C) labels; a person with several actions shares among them."""
        log_p = F.log_softmax(logits.float(), dim=1)
        target = labels / labels.sum(dim=1, keepdim=True)
        focus = (1 - log_p.exp()) ** self.gamma if self.gamma else 1.0
        return -(target * self.weights * focus * log_p).sum(dim=1).mean()


class SigmoidLoss(nn.Module):
    """Binary cross-entropy of each class, for people with several actions."""

    def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Mean loss of (R, C) logits against (R, C) labels of 0 and 1."""
        return F.binary_cross_entropy_with_logits(logits.float(), labels)


def build_loss(cfg, class_counts: torch.Tensor) -> nn.Module:
    """The loss MODEL.LOSS_FUNC, weighted by the training set's (C,) box counts."""
    if cfg.MODEL.LOSS_FUNC == "bce":
        return SigmoidLoss()
    weights = class_weights(class_counts, cfg.THERMAL.CLASS_WEIGHT_POWER)
    return SoftmaxLoss(weights, cfg.THERMAL.FOCAL_GAMMA if cfg.MODEL.LOSS_FUNC == "focal" else 0.0)
