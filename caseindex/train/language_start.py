"""A pair model's text side begun with what `train language` has learned: its word pieces and its transformer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from caseindex.encoders import checkpoint
from caseindex.encoders.concept_features import ConceptFeatures
from caseindex.encoders.concept_text import ConceptTextConfig
from caseindex.encoders.model import TEXT, model_folder
from caseindex.errors import ModelNotFound, SettingsError
from caseindex.index.archive import Archive
from caseindex.train.pair_settings import PairSettings
from caseindex.train.towers import ConceptText


@dataclass(frozen=True, slots=True)
class LanguageStart:
    """``tensors``: of a :class:`~caseindex.train.towers.ConceptText`, by the names of its saved form."""

    config: ConceptTextConfig
    features: ConceptFeatures
    tokenizer: bytes
    tensors: dict[str, Any]

    @classmethod
    def of(cls, archive: Archive, settings: PairSettings) -> LanguageStart | None:
        """Of the text encoder `language:MODEL`, else ``None``.

        Raises :class:`~caseindex.errors.ModelNotFound` where there is no such model, and
        :class:`~caseindex.errors.SettingsError` for one of another dimension.
        """
        family, _, name = settings.text_encoder.partition(":")
        if family != "language":
            return None
        folder = model_folder(archive.models_dir, name) if name else None
        if folder is None:
            raise ModelNotFound(
                settings.text_encoder, "no such model in this archive", "Train it: caseindex train language"
            )
        document = checkpoint.read_config(folder)
        part = document.get("text") or {}
        if part.get("kind") != "concepts":
            raise ModelNotFound(settings.text_encoder, "not a model of `train language`", "Name one of those")
        config = ConceptTextConfig(**part["network"])
        if config.dim != settings.dim:
            raise SettingsError(
                "dim", f"{settings.dim}, but {name} has {config.dim} dimensions", f"Say --dim {config.dim}"
            )
        return cls(
            config,
            ConceptFeatures(tuple(part["concepts"])),
            (folder / "tokenizer.json").read_bytes(),
            checkpoint.read_tensors(folder, TEXT),
        )

    def network(self) -> ConceptText:
        network = ConceptText(self.config)
        network.load_tensors({name: torch.from_numpy(value) for name, value in self.tensors.items()})
        return network
