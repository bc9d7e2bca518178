"""A byte-pair tokenizer (Sennrich et al. 2016, arXiv 1508.07909) trained on the archive: Latin, Cyrillic and Han in one
vocabulary. Not WordPiece: the library's trainer breaks ties there by the order of a hash table, so that equal texts
would not give equal models."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from caseindex.errors import TrainingError

PAD, UNKNOWN = "[PAD]", "[UNK]"  # ids 0 and 1


def train_tokenizer(texts: Iterable[str], vocabulary: int = 8000) -> bytes:
    """`tokenizer.json` for ``texts``: NFKC, lower case, ё as е, every Han character a word of its own.

    Deterministic: equal texts in equal order give equal bytes. Raises
    :class:`~caseindex.errors.TrainingError` for texts without a single character.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN))
    # Accents stay: й without its breve would be another letter.
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.NFKC(),
            normalizers.BertNormalizer(clean_text=True, handle_chinese_chars=True, strip_accents=False, lowercase=True),
            normalizers.Replace("ё", "е"),
            normalizers.Replace(Regex(r"\d+"), "0"),  # sizes and dates: that there is a number, not which
        ]
    )
    # The mark tells the beginning of a word from the same letters within one.
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.BertPreTokenizer(), pre_tokenizers.Metaspace(prepend_scheme="always")]
    )
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, min_frequency=2, special_tokens=[PAD, UNKNOWN], show_progress=False
    )
    lines = [text for text in texts if text.strip()]
    if not lines:
        raise TrainingError("tokenizer", "there is no text to train it on", "Ingest reports first")
    tokenizer.train_from_iterator(lines, trainer)
    return str(tokenizer.to_str()).encode()


class BytePairs:
    """A trained tokenizer: texts -> token ids, cut after ``max_tokens``, not padded."""

    def __init__(self, content: bytes, max_tokens: int) -> None:
        from tokenizers import Tokenizer

        self._tokenizer: Any = Tokenizer.from_str(content.decode("utf-8"))
        self._whole: Any = Tokenizer.from_str(content.decode("utf-8"))
        self._tokenizer.enable_truncation(max_tokens)
        self.max_tokens = max_tokens

    def __len__(self) -> int:
        return int(self._tokenizer.get_vocab_size())

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Unknown pieces are kept as id 1, so that a text is never silently empty."""
        return [list(item.ids) for item in self._tokenizer.encode_batch(list(texts), add_special_tokens=False)]

    def count(self, text: str) -> int:
        """The tokens of the whole text, not cut."""
        return len(self._whole.encode(text, add_special_tokens=False).ids)
