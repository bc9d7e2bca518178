"""Any PyTorch network as an :class:`~caseindex.protocols.ImageEncoder`; torch is imported with the first batch."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from caseindex.encoders.preprocessing import Preprocessing
from caseindex.ingest.heap import keep_all_freed_memory
from caseindex.records import Float32Array, PixelArray

if TYPE_CHECKING:
    import torch


class TorchImageEncoder:
    """``build`` makes the network, evaluation weights loaded: [batch, 3, height, width] -> [batch, dim].

    On a GPU the forward pass runs in float16 (channels last); a batch that overflows there is computed again in
    float32. On a CPU all is float32. ``device``: ``"cpu"``, ``"cuda"``, ...; default: the GPU where there is one.
    """

    def __init__(
        self,
        *,
        name: str,
        fingerprint: str,
        dim: int,
        preprocessing: Preprocessing,
        build: Callable[[], torch.nn.Module],
        spec: dict[str, Any] | None = None,
        device: str | None = None,
    ) -> None:
        self.name = name
        self.fingerprint = fingerprint
        self.dim = dim
        self.preprocessing = preprocessing
        self.spec = spec or {}
        self._build = build
        self._device = device
        self._network: torch.nn.Module | None = None
        self._lock = threading.Lock()

    @property
    def network(self) -> torch.nn.Module:
        """The network on its device, in evaluation mode."""
        import torch

        with self._lock:
            if self._network is None:
                device = self._device or ("cuda" if torch.cuda.is_available() else "cpu")
                if device == "cpu":
                    keep_all_freed_memory()
                network = self._build().eval().requires_grad_(False)
                self._network = network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
            return self._network

    def preprocess(self, pixels: PixelArray) -> Float32Array:
        """[rows, columns] or [rows, columns, 3] uint8 -> [3, height, width] float32."""
        return self.preprocessing(pixels)

    def encode(self, batch: Float32Array) -> Float32Array:
        """[batch, 3, height, width] -> [batch, dim] float32, L2-normalised."""
        import torch
        import torch.nn.functional as F

        network = self.network
        if len(batch) == 0:
            return np.empty((0, self.dim), np.float32)
        device = next(iter(network.state_dict().values())).device
        with torch.inference_mode():
            # A copy, because torch refuses to wrap read-only arrays without a warning.
            pixels = torch.from_numpy(np.array(batch, np.float32, copy=not batch.flags.writeable))
            pixels = pixels.to(device, memory_format=torch.channels_last, non_blocking=True)
            if device.type == "cuda":
                with torch.autocast("cuda", torch.float16):
                    vectors = network(pixels).float()
                if not torch.isfinite(vectors).all():
                    vectors = network(pixels)
            else:
                vectors = network(pixels)
            return F.normalize(vectors.float(), dim=1).cpu().numpy()
