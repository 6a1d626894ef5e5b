"""What the processes of a run tell each other."""

import torch

from slowfast_thermal.models.feature_bank import FeatureBank
from slowfast_thermal.pyslowfast import distributed as du


def gather_rows(rows: torch.Tensor, device: torch.device) -> list[torch.Tensor]:
    """Gives every process the rows of all, in the order of the ranks.

    Args:
        rows: (K, ...), with K of this process's own.
        device: where the processes exchange tensors.

    Returns:
        A tensor for each process, on `device`; of a process alone its rows where they lie.
    """
    if du.get_world_size() == 1:
        return [rows]
    rows = rows.to(device)
    counts = [torch.zeros(1, dtype=torch.int64, device=device) for _ in range(du.get_world_size())]
    torch.distributed.all_gather(counts, torch.tensor([len(rows)], device=device))
    most = int(max(counts))
    padded = torch.cat([rows, rows.new_zeros(most - len(rows), *rows.shape[1:])])
    everyone = [torch.empty_like(padded) for _ in counts]
    torch.distributed.all_gather(everyone, padded)
    return [part[: int(count)] for part, count in zip(everyone, counts)]


def remember(
    memory: FeatureBank,
    metadata: torch.Tensor,
    clips: torch.Tensor,
    features: torch.Tensor,
    device: torch.device,
    loss: torch.Tensor = torch.zeros(()),
) -> None:
    """Puts the people of every process into the memory of every process, with the mean of their losses.

    Args:
        memory: of this process.
        metadata, clips, features: of this process's people, as FeatureBank.update takes them.
        device: where the processes exchange tensors.
        loss: of this process's training step.
    """
    mean_loss = torch.cat(gather_rows(loss.detach().view(1), device)).mean()
    for metadata, clips, features in zip(*(gather_rows(rows, device) for rows in (metadata, clips, features))):
        memory.update(metadata.cpu(), clips.cpu(), features, mean_loss)
