"""One training worker among several: its rank, and the sums it shares with the others."""

import os
from dataclasses import dataclass

import torch
from torch import distributed


@dataclass(frozen=True, kw_only=True)
class Worker:
    """The place of this process in the group; alone by default."""

    rank: int = 0
    world_size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this worker writes what all share."""
        return self.rank == 0

    def mean_(self, tensors: list[torch.Tensor]) -> None:
        """Replace each tensor by its mean over all workers, in place."""
        if self.world_size == 1:
            return
        flat = torch.cat([tensor.view(-1) for tensor in tensors]).to(_meeting_device())
        distributed.all_reduce(flat)
        flat /= self.world_size
        for tensor, part in zip(tensors, flat.split([t.numel() for t in tensors]), strict=True):
            tensor.copy_(part.view_as(tensor))

    def gather(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return the workers' tensors of equal shape, stacked along the first dimension."""
        if self.world_size == 1:
            return tensor
        sent = tensor.contiguous().to(_meeting_device())
        parts = [torch.empty_like(sent) for _ in range(self.world_size)]
        distributed.all_gather(parts, sent)
        return torch.cat(parts).to(tensor.device)

    def others(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return the rows of the other workers' tensors, which may differ in number."""
        if self.world_size == 1:
            return tensor[:0]
        counts = self.gather(torch.tensor([len(tensor)])).tolist()
        padded = tensor.new_zeros(max(counts), *tensor.shape[1:])
        padded[: len(tensor)] = tensor
        parts = self.gather(padded).split(max(counts))
        rows = [part[:n] for part, n in zip(parts, counts, strict=True)]
        return torch.cat([part for rank, part in enumerate(rows) if rank != self.rank])

    def wait(self) -> None:
        """Return when every worker has come here."""
        if self.world_size > 1:
            distributed.barrier()


def _meeting_device() -> torch.device:
    """Where the group's backend takes tensors: NCCL (also ROCm's) on the GPU, gloo on the CPU."""
    if distributed.get_backend() == "nccl":
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device("cpu")


def fix_arithmetic(num_threads: int = 1) -> None:
    """Make results depend on inputs alone: fixed threads, deterministic kernels."""
    torch.set_num_threads(num_threads)
    # One CPU thread is deterministic as it is, and the deterministic kernels cost it a quarter.
    if torch.cuda.is_available():
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
