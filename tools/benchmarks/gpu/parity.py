"""What the GPU computes, beside the CPU: scores and gradients of the main network, and clips cut on the device."""

import torch
from torch import nn

from slowfast_thermal.datasets import Thermal
from tools.benchmarks.gpu.run import Setting
from tools.benchmarks.step import Workload

MAIN = "SLOWFAST_8x8_R101_DENSE_IA.yaml"
FLOAT32 = ("TRAIN.MIXED_PRECISION", "False")
UNFOLDED = ("SPEED.FOLD_NORM", "False", "SPEED.FOLD_CHANNELS", "False")


def exact_float32() -> None:
    """From now on float32 is float32, not TF32, which keeps 10 bits of the 23."""
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False


@torch.no_grad()
def randomise(network: nn.Module) -> None:
    """Weights and statistics with which every layer matters: new interactions and norms of new blocks are zero."""
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm3d):
            module.weight.copy_(torch.empty(module.weight.shape).uniform_(0.3, 0.7))
            module.bias.copy_(torch.empty(module.bias.shape).normal_(0, 0.1))
            module.running_mean.copy_(torch.empty(module.bias.shape).normal_(0, 0.1))
            module.running_var.copy_(torch.empty(module.bias.shape).uniform_(0.5, 1.5))
        elif isinstance(module, nn.Linear):
            module.weight.copy_(torch.empty(module.weight.shape).normal_(0, 1.4 * module.in_features**-0.5))


def measure(setting: Setting) -> None:
    exact_float32()
    cpu = torch.device("cpu")
    sizes = setting.overrides()
    reference = Workload(cpu, 1, *sizes, *FLOAT32, "NUM_GPUS", "0", config=MAIN)
    randomise(reference.model)
    expected, gradient = _scores(reference), _gradient(reference)
    setting.tell("highest and lowest score", [expected.max().item(), expected.min().item()])

    ways = {"float32": FLOAT32, "float32, not folded": (*FLOAT32, *UNFOLDED), "mixed precision": ()}
    for name, options in ways.items():
        workload = Workload(setting.device, 1, *sizes, *options, config=MAIN)
        workload.model.load_state_dict(reference.model.state_dict())
        workload.inputs, workload.boxes = reference.inputs, reference.boxes
        workload.memory = reference.memory.to(setting.device)
        difference = (_scores(workload) - expected).abs().max().item()
        setting.tell(f"largest difference of a score from the CPU's, {name}", difference)
        distance = (_gradient(workload) - gradient).norm() / gradient.norm()
        setting.tell(f"relative distance of the gradient from the CPU's, {name}", distance.item())
        del workload
    _compare_clips(setting)


def _scores(workload: Workload) -> torch.Tensor:
    workload.model.eval()
    with torch.inference_mode():
        return workload.forward().float().cpu()


def _gradient(workload: Workload) -> torch.Tensor:
    """Of the loss with respect to all parameters, with norms frozen and without dropout."""
    workload.model.eval()
    workload.model.head.act.train()  # logits
    workload.optimizer.zero_grad()
    logits = workload.forward().float()
    nn.functional.cross_entropy(logits, workload.labels.to(logits.device)).backward()
    return torch.cat([parameter.grad.flatten().cpu() for parameter in workload.model.parameters()])


def _compare_clips(setting: Setting) -> None:
    """All training clips with their augmentations, cut on the device and on the CPU."""
    largest = 0.0
    host, device = (Thermal(setting.config(MAIN, SPEED__RECORDINGS_ON_DEVICE=on), "train") for on in (False, True))
    for index in range(len(host)):
        (ours, *_), (theirs, *_) = device[index, index], host[index, index]
        if ours[0].device.type != setting.device.type:
            raise RuntimeError(f"A clip cut on the device lies on {ours[0].device}.")
        for one, other in zip(ours, theirs):
            largest = max(largest, (one.cpu() - other).abs().max().item())
    setting.tell("clips compared", len(host))
    setting.tell("largest difference of a clip cut on the device", largest)
