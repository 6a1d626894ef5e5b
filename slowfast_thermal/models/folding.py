"""Batch norm that is frozen, and input channels that are equal, folded into the convolutions before and after them.

What is computed stays the same up to rounding, in the forward and the backward pass, and so do the names of the parameters:
the folded weights are made from them in each pass, which costs little beside the convolutions.
"""

import torch.nn.functional as F
from torch import Tensor, nn

# How PySlowFast's modules name a convolution and the batch norm that follows it.
_PAIRS = (
    ("conv", "bn"),
    ("conv_f2s", "bn"),
    ("conv_out", "bn"),
    ("a", "a_bn"),
    ("b", "b_bn"),
    ("c", "c_bn"),
    ("branch1", "branch1_bn"),
)


class FoldingConv3d(nn.Conv3d):
    """A convolution that does the work of its batch norm while that is in evaluation mode.

    With weights w, statistics m and v, scale g and shift b of the norm: norm(w * x) = (s w) * x + b - s m, where
    s = g / sqrt(v + eps). Clips of one channel are taken for that many equal ones as there are weights for.

    Args:
        conv: whose parameters it takes.
        norm: of its output; none is folded without.
    """

    def __init__(self, conv: nn.Conv3d, norm: nn.BatchNorm3d | None) -> None:
        super().__init__(
            conv.in_channels,
            conv.out_channels,
            conv.kernel_size,
            conv.stride,
            conv.padding,
            conv.dilation,
            conv.groups,
            bias=conv.bias is not None,
            device="meta",
        )
        self.weight, self.bias = conv.weight, conv.bias
        self._norm = (norm,)  # in a tuple, for it is a module of the parent's and not of this one

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T, H, W) as nn.Conv3d."""
        weight, bias, (norm,) = self.weight, self.bias, self._norm
        if x.shape[1] == 1 and self.in_channels > 1:
            weight = weight.sum(1, keepdim=True)
        if norm is not None and not norm.training:
            scale = norm.weight * (norm.running_var + norm.eps).rsqrt()
            weight = weight * scale.view(-1, 1, 1, 1, 1)
            shift = norm.bias - norm.running_mean * scale
            bias = shift if bias is None else shift + bias * scale
        return F.conv3d(x, weight, bias, self.stride, self.padding, self.dilation, self.groups)


class FoldedBatchNorm3d(nn.BatchNorm3d):
    """Batch norm whose work in evaluation mode the convolution before it does.

    Args:
        norm: whose parameters and statistics it takes.
    """

    def __init__(self, norm: nn.BatchNorm3d) -> None:
        super().__init__(norm.num_features, norm.eps, norm.momentum, device="meta")
        self.weight, self.bias = norm.weight, norm.bias
        for name, statistic in norm.named_buffers():
            setattr(self, name, statistic)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, T, H, W) as nn.BatchNorm3d in training mode, as they are in evaluation mode."""
        return super().forward(x) if self.training else x


def fold_norms(network: nn.Module) -> None:
    """Folds every batch norm of a PySlowFast network into the convolution before it, as long as it is frozen."""
    for module in list(network.modules()):
        for conv_name, norm_name in _PAIRS:
            conv, norm = getattr(module, conv_name, None), getattr(module, norm_name, None)
            if isinstance(conv, nn.Conv3d) and isinstance(norm, nn.BatchNorm3d):
                folded = FoldedBatchNorm3d(norm)
                setattr(module, norm_name, folded)
                setattr(module, conv_name, FoldingConv3d(conv, folded))


def fold_channels(stem: nn.Module) -> None:
    """Lets a stem's convolution take one channel for several equal ones."""
    if not isinstance(stem.conv, FoldingConv3d):
        stem.conv = FoldingConv3d(stem.conv, None)
