"""How a text network's states become one vector: prompt, letter case, padding, pooling, dense layers.

The names of the poolings are those of sentence-transformers (Reimers & Gurevych 2019, arXiv 1908.10084).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from caseindex.errors import ModelDamaged


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """``pooling``: of the last hidden states, several are joined; ``("tower",)``: the network gives the vector itself.
    ``prompt`` is put in front of every text, and its states are pooled only if ``include_prompt``. ``padded``: always
    to the longest input, without a mask (SigLIP)."""

    pooling: tuple[str, ...] = ("mean",)
    prompt: str = ""
    include_prompt: bool = True
    lower: bool = False
    padded: bool = False

    def __post_init__(self) -> None:
        if not self.pooling or set(self.pooling) - {*POOLINGS, "tower"}:
            raise ValueError(f"pooling is {self.pooling}; known: {', '.join(POOLINGS)}, tower")

    def config(self) -> dict[str, Any]:
        """What differs from a plain mean, as JSON."""
        plain = asdict(Reading())
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in asdict(self).items()
            if value != plain[key]
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], item: object) -> Reading:
        """The inverse of :meth:`config`; :class:`~caseindex.errors.ModelDamaged` names ``item``."""
        try:
            given = dict(config)
            if "pooling" in given:
                given["pooling"] = tuple(given["pooling"])
            return cls(**given)
        except (TypeError, ValueError) as error:
            raise ModelDamaged(item, f"its reading of texts is not valid ({error})", "Train it again") from error


def _mean(states: Any, mask: Any) -> Any:
    return (states * mask).sum(1) / mask.sum(1).clamp(min=1)


def _mean_sqrt(states: Any, mask: Any) -> Any:
    return (states * mask).sum(1) / mask.sum(1).clamp(min=1).sqrt()


def _max(states: Any, mask: Any) -> Any:
    return states.masked_fill(mask == 0, float("-inf")).amax(1).nan_to_num(neginf=0.0)


def _first(states: Any, mask: Any) -> Any:
    """[CLS], wherever the padding stands."""
    import torch

    return states[torch.arange(len(states), device=states.device), mask.squeeze(-1).argmax(1)]


def _last(states: Any, mask: Any) -> Any:
    import torch

    length = mask.shape[1]
    places = length - 1 - mask.squeeze(-1).flip(1).argmax(1)
    return states[torch.arange(len(states), device=states.device), places]


#: [n, length, width] states and [n, length, 1] mask -> [n, width].
POOLINGS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "mean": _mean,
    "cls": _first,
    "max": _max,
    "mean_sqrt_len_tokens": _mean_sqrt,
    "lasttoken": _last,
}


def pooled_states(
    network: Any, tokenizer: Any, texts: Sequence[str], max_tokens: int, reading: Reading | None = None
) -> Any:
    """[n, width] float32 torch tensor, not normalised. Texts are cut after ``max_tokens``."""
    reading = reading or Reading()
    device = next(network.parameters()).device
    given = [reading.prompt + (text.lower() if reading.lower else text) for text in texts]
    padding = "max_length" if reading.padded else True
    tokens = tokenizer(given, padding=padding, truncation=True, max_length=max_tokens, return_tensors="pt")
    tokens = {key: value.to(device) for key, value in tokens.items()}
    if reading.padded:
        tokens = {"input_ids": tokens["input_ids"]}
    if reading.pooling == ("tower",):
        return network(**tokens).float()
    states = network(**tokens).last_hidden_state.float()
    mask = tokens["attention_mask"].unsqueeze(-1).float()
    if reading.prompt and not reading.include_prompt:
        first = int(tokens["attention_mask"][0].argmax()) if len(mask) else 0
        mask[:, first : first + prompt_tokens(tokenizer, reading.prompt)] = 0
    import torch

    pooled = torch.cat([POOLINGS[name](states, mask) for name in reading.pooling], dim=1)
    for layer in getattr(network, "dense", ()):
        pooled = layer(pooled)
    return pooled


def prompt_tokens(tokenizer: Any, prompt: str) -> int:
    """How many tokens at the beginning are the prompt's, its beginning mark included."""
    ids = tokenizer(prompt)["input_ids"]
    ends = {tokenizer.eos_token_id, tokenizer.sep_token_id} - {None}
    return len(ids) - (1 if ids and ids[-1] in ends else 0)
