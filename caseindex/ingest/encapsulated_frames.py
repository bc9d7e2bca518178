"""Frames of compressed pixel data: pylibjpeg first, GDCM where it fails, Pillow last. PS3.5 A.4."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy.typing as npt
from pydicom.encaps import generate_frames
from pydicom.pixels import get_decoder
from pydicom.uid import UID

from caseindex.errors import InputRejected
from caseindex.ingest.codestream import read_codestream
from caseindex.ingest.native_frames import native_frames
from caseindex.ingest.pixel_format import PixelFormat

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

DEFLATED_FRAMES: Final = "1.2.840.10008.1.2.8.1"  # Deflated Image Frame Compression, DICOM 2023e
RLE: Final = "1.2.840.10008.1.2.5"
_PLUGINS: Final = ("pylibjpeg", "gdcm", "pillow")


def encapsulated_frames(
    item: str, dataset: Dataset, shape: PixelFormat, transfer_syntax: str, max_pixels: int, wanted: range
) -> Iterator[tuple[int, npt.NDArray[Any], str]]:
    """(frame, [rows, columns] or [rows, columns, samples], photometric interpretation after decoding).

    The photometric interpretation is what the samples are now: a decoder that undoes the colour transform of
    JPEG 2000 gives RGB. No other colour conversion is left to a decoder. Raises
    :class:`~caseindex.errors.InputRejected`: ``undecodable_pixels``, ``unsupported_transfer_syntax``, ``too_large``.
    """
    data = dataset.get_item(0x7FE00010).value
    if not isinstance(data, bytes):
        raise InputRejected(item, "undecodable_pixels", "the pixel data are no byte string")
    encoded = _encoded(item, data, dataset, shape, wanted)
    if transfer_syntax == DEFLATED_FRAMES:
        yield from _inflated(item, encoded, shape)
        return
    plugins = _plugins(item, transfer_syntax)
    decoder = get_decoder(UID(transfer_syntax))
    options: dict[str, Any] = {
        "raw": True,
        "allow_excess_frames": False,
        "validate": False,
        "number_of_frames": shape.frames,
        "samples_per_pixel": shape.samples,
        "photometric_interpretation": shape.photometric,
    }
    stream: Iterator[tuple[npt.NDArray[Any], dict[str, Any]]] | None = None
    if len(wanted) == shape.frames:
        stream = decoder.iter_array(dataset, decoding_plugin=plugins[0], **options)
    for frame, code in encoded:
        _check(item, code, shape, transfer_syntax, max_pixels)
        failures: list[str] = []
        if stream is not None:
            try:
                array, properties = next(stream)
                yield frame, array, str(properties["photometric_interpretation"])
                continue
            except MemoryError:
                raise
            except Exception as error:  # a plugin raises anything; from here on frame by frame, with every plugin
                failures.append(f"{plugins[0]}: {type(error).__name__}")
                stream = None
        for plugin in plugins:
            try:
                array, properties = decoder.as_array(dataset, index=frame, decoding_plugin=plugin, **options)
            except MemoryError:
                raise
            except Exception as error:
                failures.append(f"{plugin}: {type(error).__name__}")
                continue
            yield frame, array, str(properties["photometric_interpretation"])
            break
        else:
            raise InputRejected(item, "undecodable_pixels", f"frame {frame}: {', '.join(dict.fromkeys(failures))}")


def _plugins(item: str, transfer_syntax: str) -> list[str]:
    try:
        available = get_decoder(UID(transfer_syntax)).available_plugins
    except NotImplementedError as error:
        raise InputRejected(item, "unsupported_transfer_syntax", transfer_syntax) from error
    found = [plugin for plugin in _PLUGINS if plugin in available]
    found += [plugin for plugin in available if plugin not in _PLUGINS]
    if not found:
        raise InputRejected(item, "unsupported_transfer_syntax", f"no decoder for {transfer_syntax} is installed")
    return found


def _encoded(
    item: str, data: bytes, dataset: Dataset, shape: PixelFormat, wanted: range
) -> Iterator[tuple[int, bytes]]:
    """The compressed frames in ``wanted``; ``undecodable_pixels`` when one is not there."""
    offsets = None
    if 0x7FE00001 in dataset and 0x7FE00002 in dataset:
        offsets = (dataset.get_item(0x7FE00001).value, dataset.get_item(0x7FE00002).value)
    found = -1
    try:
        for found, code in enumerate(generate_frames(data, number_of_frames=shape.frames, extended_offsets=offsets)):
            if found >= wanted.stop:
                return
            if found in wanted:
                yield found, code
    except (InputRejected, MemoryError):
        raise
    except Exception as error:  # pydicom's parser on hostile bytes
        raise InputRejected(item, "undecodable_pixels", "the pixel data are not encapsulated as they claim") from error
    if found + 1 < wanted.stop:
        raise InputRejected(item, "undecodable_pixels", f"{found + 1} of {shape.frames} frames are there")


def _check(item: str, code: bytes, shape: PixelFormat, transfer_syntax: str, max_pixels: int) -> None:
    """Refuses a codestream that would make the decoder allocate what the data set does not announce."""
    claim = read_codestream(code)
    if claim is None:
        if transfer_syntax != RLE:
            raise InputRejected(item, "undecodable_pixels", "a frame without a codestream header")
        return
    if claim.rows * claim.columns > max_pixels or claim.components > 4:
        raise InputRejected(
            item, "too_large", f"a codestream of {claim.rows} x {claim.columns} x {claim.components} samples"
        )
    if (claim.rows, claim.columns) != (shape.rows, shape.columns):
        raise InputRejected(
            item,
            "undecodable_pixels",
            f"the header says {shape.rows} x {shape.columns}, the codestream {claim.rows} x {claim.columns}",
        )


def _inflated(
    item: str, encoded: Iterator[tuple[int, bytes]], shape: PixelFormat
) -> Iterator[tuple[int, npt.NDArray[Any], str]]:
    expected = (shape.rows * shape.columns * shape.samples * shape.allocated + 7) // 8
    one = replace(shape, frames=1)
    for frame, code in encoded:
        try:
            plain = zlib.decompressobj(-zlib.MAX_WBITS).decompress(code, expected + 1)
        except zlib.error as error:
            raise InputRejected(item, "undecodable_pixels", f"frame {frame} cannot be inflated") from error
        for _, array, photometric in native_frames(item, plain, one, little_endian=True, vr="OB", wanted=range(1)):
            yield frame, array, photometric
