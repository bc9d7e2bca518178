"""Text models of a few thousand parameters, written as their publishers write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
WORDS = (
    "acute ischemic stroke in the left right hemisphere subdural hematoma on side no pathology normal brain case . , "
    "small large lesion infarct bleeding midline shift of and with without a is seen ##s ##ed 0 1 2 3 4 5 6 7 8 9"
)


def tokenizer(folder: Path, family: str) -> Any:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertTokenizerFast, DistilBertTokenizerFast, PreTrainedTokenizerFast

    vocabulary = {word: place for place, word in enumerate((*SPECIAL, *WORDS.split()))}
    backend = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    backend.normalizer = normalizers.BertNormalizer(lowercase=True)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    plain = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=64,
    )
    plain.save_pretrained(folder)
    if family == "plain":
        return plain
    kind = DistilBertTokenizerFast if family == "distilbert" else BertTokenizerFast
    kind.from_pretrained(folder).save_pretrained(folder)
    return plain


def save_bert(folder: Path, *, language_model: bool = False, dtype: torch.dtype = torch.float32) -> Path:
    """A BERT of two layers; ``language_model``: as masked language models are published, without a pooler."""
    from transformers import BertConfig, BertForMaskedLM, BertModel

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(SPECIAL) + len(WORDS.split()),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=24,
    )
    (BertForMaskedLM if language_model else BertModel)(config).to(dtype).save_pretrained(folder)
    tokenizer(folder, "bert")
    return folder


def save_distilbert(folder: Path) -> Path:
    """It knows no token types: its tokenizer must not hand it any."""
    from transformers import DistilBertConfig, DistilBertModel

    torch.manual_seed(0)
    config = DistilBertConfig(
        vocab_size=len(SPECIAL) + len(WORDS.split()),
        dim=32,
        n_layers=1,
        n_heads=2,
        hidden_dim=64,
        max_position_embeddings=64,
    )
    DistilBertModel(config).save_pretrained(folder)
    tokenizer(folder, "distilbert")
    return folder
