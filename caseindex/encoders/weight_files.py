"""Weights from outside: safetensors only, and one clear error where they cannot be had."""

from __future__ import annotations

import hashlib
import os
import socket
import sys
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from caseindex.errors import CaseindexError, ModelDamaged, ModelNotFound

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch


@contextmanager
def reachable(name: str, how: str) -> Iterator[None]:
    """Turns whatever a library raises when weights are missing or the network is absent into ModelNotFound."""
    try:
        yield
    except CaseindexError:
        raise
    except Exception as error:  # timm, torch.hub, huggingface_hub and open_clip raise some twenty kinds
        first_line = (str(error).splitlines() or [""])[0][:200]
        raise ModelNotFound(
            name, f"its weights could not be loaded ({type(error).__name__}: {first_line})", how
        ) from error


def offline_if_unreachable() -> None:
    """Tells huggingface_hub to stay offline where its host has no address: it would retry for most of a minute.

    Called before libraries that import huggingface_hub. Behind a proxy the host need not resolve here: left alone.
    """
    if os.environ.get("HF_HUB_OFFLINE") or any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy")):
        return
    host = urlsplit(os.environ.get("HF_ENDPOINT", "https://huggingface.co")).hostname or ""
    try:
        socket.getaddrinfo(host, 443)
    except OSError:
        os.environ["HF_HUB_OFFLINE"] = "1"
        constants = sys.modules.get("huggingface_hub.constants")
        if constants is not None:
            constants.HF_HUB_OFFLINE = True  # type: ignore[attr-defined]


def load_into(network: torch.nn.Module, path: Path) -> None:
    """Loads a safetensors file; names and shapes have to agree. A pickle is refused with the way to convert it."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from caseindex.encoders.checkpoint import refuse_pickle

    if not path.is_file():
        raise ModelNotFound(path, "no such file", "Name a .safetensors file")
    refuse_pickle(path)
    try:
        network.load_state_dict(load_file(path))
    except SafetensorError as error:
        raise ModelDamaged(path, f"not readable as safetensors ({error})", "Copy it again") from error
    except (RuntimeError, KeyError) as error:
        first = str(error).splitlines()
        raise ModelDamaged(
            path, f"does not fit the network ({' '.join(first)[:300]})", "Name the network that it was trained as"
        ) from error
    for key, value in network.state_dict().items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise ModelDamaged(path, f"{key} holds values that are not finite", "Copy it again")


def state_digest(network: torch.nn.Module) -> str:
    """sha256 over the names, shapes and bytes of the parameters and buffers, in the order of their names."""
    import torch

    digest = hashlib.sha256()
    for key, value in sorted(network.state_dict().items()):
        tensor = value.detach().cpu().contiguous()
        digest.update(f"{key} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data if tensor.numel() else b"")
    return digest.hexdigest()


class Once:
    """A network that is built at most once, by whoever asks first: for its digest or to run it."""

    def __init__(self, make: Callable[[], torch.nn.Module]) -> None:
        self._make = make
        self._network: Any = None

    def __call__(self) -> torch.nn.Module:
        if self._network is None:
            self._network = self._make()
        return self._network  # type: ignore[no-any-return]

    def digest(self) -> str:
        return state_digest(self())
