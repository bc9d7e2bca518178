"""What happens to a picture before the network sees it; saved with the model, because it is part of the model."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from caseindex.errors import ModelDamaged
from caseindex.records import Float32Array, PixelArray

if TYPE_CHECKING:
    from caseindex.encoders.alignment import Alignment

Fit = Literal["pad", "squash", "crop"]
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocessing:
    """Resizes to ``height`` x ``width``, repeats grey to three channels, scales to (p / 255 - mean) / std.

    ``fit``: ``"pad"`` keeps the aspect and centres the picture on black; ``"squash"`` stretches it; ``"crop"`` keeps
    the aspect, fills the frame and cuts what stands out at both ends. Shrinking averages areas (no aliasing),
    enlarging is bicubic. ``alignment``: the square picture is registered to the template of an
    :class:`~caseindex.encoders.alignment.Alignment`. ``mask_text``: burned-in text is blanked first; ``content``: then
    the picture is cut to the square around what it shows.
    """

    height: int = 224
    width: int = 224
    fit: Fit = "pad"
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    alignment: Alignment | None = None
    mask_text: bool = False
    content: bool = False

    def __post_init__(self) -> None:
        if self.fit not in get_args(Fit):
            raise ValueError(f"fit is {self.fit!r}; known: {', '.join(get_args(Fit))}")
        if min(self.height, self.width) < 1 or len(self.mean) != 3 or len(self.std) != 3 or min(self.std) <= 0:
            raise ValueError("height and width are at least 1; mean and std have three values, std above 0")
        if self.alignment is not None and self.height != self.width:
            raise ValueError("pictures are aligned in a square")

    @classmethod
    def from_config(cls, config: dict[str, Any], item: object) -> Preprocessing:
        """The inverse of :meth:`config`; :class:`~caseindex.errors.ModelDamaged` names ``item``."""
        try:
            given = {**config, "mean": tuple(config["mean"]), "std": tuple(config["std"])}
            if "alignment" in given:
                from caseindex.encoders.alignment import Alignment

                given["alignment"] = Alignment(given["alignment"])
            return cls(**given)
        except (KeyError, TypeError, ValueError) as error:
            raise ModelDamaged(item, f"its preprocessing is not valid ({error})", "Copy or train it again") from error

    def config(self) -> dict[str, Any]:
        given = {**asdict(self), "mean": list(self.mean), "std": list(self.std)}
        for name in ("alignment", "mask_text", "content"):
            del given[name]
        if self.alignment is not None:
            given["alignment"] = self.alignment.template
        # Only what departs from the default is written: fingerprints of older models stay what they are.
        return given | {name: True for name in ("mask_text", "content") if getattr(self, name)}

    def __call__(self, pixels: PixelArray) -> Float32Array:
        """[rows, columns] or [rows, columns, 3] uint8 -> [3, height, width] float32, C-contiguous."""
        return self.scaled(self.resized(pixels))

    def scaled(self, resized: PixelArray) -> Float32Array:
        """[height, width] or [height, width, 3] uint8 -> [3, height, width] float32."""
        planes = (resized,) * 3 if resized.ndim == 2 else tuple(resized[..., channel] for channel in range(3))
        out = np.empty((3, self.height, self.width), np.float32)
        for channel, plane in enumerate(planes):
            scale = np.float32(1 / (255 * self.std[channel]))
            np.multiply(plane, scale, out=out[channel])
            out[channel] -= np.float32(self.mean[channel] / self.std[channel])
        return out

    def resized(self, pixels: PixelArray) -> PixelArray:
        """[rows, columns] or [rows, columns, 3] uint8 -> [height, width] or [height, width, 3] uint8."""
        if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] != 3):
            raise ValueError(f"pixels are {pixels.dtype} of shape {pixels.shape}; [rows, columns(, 3)] uint8 is needed")
        if self.mask_text:
            from caseindex.ingest.masking import mask_text

            pixels = mask_text(pixels)
        if self.content:
            from caseindex.encoders.content import cut_to_content

            pixels = cut_to_content(pixels)
        return self.registered(self._framed(pixels))

    def registered(self, framed: PixelArray) -> PixelArray:
        """A picture of the model's size brought over the alignment's mean; itself where the model has none."""
        return framed if self.alignment is None else self.alignment(framed)

    def _framed(self, pixels: PixelArray) -> PixelArray:
        rows, columns = pixels.shape[:2]
        if self.fit == "squash":
            return _resize(pixels, self.height, self.width)
        ratios = (self.height / rows, self.width / columns)
        scale = min(ratios) if self.fit == "pad" else max(ratios)
        resized = _resize(pixels, max(1, round(rows * scale)), max(1, round(columns * scale)))
        if self.fit == "crop":
            top = (resized.shape[0] - self.height) // 2
            left = (resized.shape[1] - self.width) // 2
            return resized[top : top + self.height, left : left + self.width]
        canvas = np.zeros((self.height, self.width, *pixels.shape[2:]), np.uint8)
        top = (self.height - resized.shape[0]) // 2
        left = (self.width - resized.shape[1]) // 2
        canvas[top : top + resized.shape[0], left : left + resized.shape[1]] = resized
        return canvas


def _resize(pixels: PixelArray, rows: int, columns: int) -> PixelArray:
    import cv2

    if pixels.shape[:2] == (rows, columns):
        return pixels
    # Area averaging needs both sides to shrink; OpenCV falls back to nearest-like behaviour where one side grows.
    shrinks = rows <= pixels.shape[0] and columns <= pixels.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(np.ascontiguousarray(pixels), (columns, rows), interpolation=method), np.uint8)
