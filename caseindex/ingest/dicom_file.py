"""Bytes -> a parsed DICOM data set, with or without preamble and file meta information, deflated ones within limits.

PS3.10 section 7 (file format), PS3.5 annex A (transfer syntaxes).
"""

from __future__ import annotations

import logging
import warnings
import zlib
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING

import pydicom.config
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.filereader import dcmread, read_dataset
from pydicom.uid import UID

from caseindex.errors import InputRejected

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

DEFLATED = "1.2.840.10008.1.2.1.99"
IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
RLE = "1.2.840.10008.1.2.5"

# pydicom's messages quote values, a name among them, and archives are full of what it warns about.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)
for _module in ("pydicom", "pylibjpeg", "openjpeg", "libjpeg", "rle"):
    warnings.filterwarnings("ignore", module=rf"{_module}(\..*)?")

_VRS = {
    b"AE",
    b"AS",
    b"CS",
    b"DA",
    b"DS",
    b"IS",
    b"LO",
    b"LT",
    b"OB",
    b"OW",
    b"PN",
    b"SH",
    b"SQ",
    b"ST",
    b"TM",
    b"UI",
    b"UL",
    b"UN",
    b"US",
}


def looks_like_dicom(data: bytes) -> bool:
    """Whether these are a DICOM file, or a bare data set as older archives hold them (no preamble)."""
    if data[128:132] == b"DICM":
        return True
    head = data[:8]
    if len(head) < 8:
        return False
    group = int.from_bytes(head[:2], "little")
    element = int.from_bytes(head[2:4], "little")
    if group in (0x0002, 0x0008) and element <= 0x0100:
        length = int.from_bytes(head[4:8], "little")
        return head[4:6] in _VRS or 0 < length <= 0x0400  # explicit, or implicit with a short first value
    return head[:2] == b"\x00\x08" and head[4:6] in _VRS  # big endian


def parse(item: str, data: bytes, max_bytes: int) -> Dataset:
    """The data set of ``data`` with ``file_meta.TransferSyntaxUID`` set, guessed where the file does not say it.

    Raises :class:`~caseindex.errors.InputRejected`: ``broken_dicom``, or ``too_large`` for a deflated data set that
    expands beyond ``max_bytes``.
    """
    try:
        syntax, start = _file_meta(data) if data[128:132] == b"DICM" else ("", 0)
        deflated = syntax == DEFLATED
        if deflated:
            dataset = _inflated(item, data, start, max_bytes)
        elif _is_plain(syntax) and start < len(data) and data[start : start + 2] != b"\0\0":
            dataset = _plain(data, syntax, start)
        else:  # no preamble, a command set, big endian, private or missing transfer syntax
            dataset = dcmread(BytesIO(data), force=True)
        _name_transfer_syntax(dataset)
    except (InputRejected, MemoryError):
        raise
    except RecursionError as error:
        raise InputRejected(item, "broken_dicom", "sequences nested too deeply") from error
    except Exception as error:  # pydicom raises nearly every type on hostile bytes
        raise InputRejected(item, "broken_dicom", f"cannot be parsed ({type(error).__name__})") from error
    if not len(dataset):
        raise InputRejected(item, "broken_dicom", "no data elements could be read")
    return dataset


def _file_meta(data: bytes) -> tuple[str, int]:
    """(transfer syntax, where the data set begins): the file meta information, explicit VR little endian, walked by
    hand because pydicom inflates a deflated data set without a limit."""
    syntax, at = "", 132
    while data[at : at + 2] == b"\x02\x00":
        long = data[at + 4 : at + 6] in (b"OB", b"OW", b"UN", b"UT", b"SQ")
        start = at + (12 if long else 8)
        length = int.from_bytes(data[at + 8 : at + 12] if long else data[at + 6 : at + 8], "little")
        if data[at + 2 : at + 4] == b"\x10\x00":
            syntax = data[start : start + length].rstrip(b"\0 ").decode("ascii", "replace")
        at = start + length
    return syntax, at


def _is_plain(syntax: str) -> bool:
    """Whether the transfer syntax says all there is to know: explicit or implicit VR little endian, or one of the
    encapsulated ones of the standard."""
    return syntax in {IMPLICIT_LITTLE, EXPLICIT_LITTLE, RLE} or syntax.startswith("1.2.840.10008.1.2.4.")


@lru_cache(maxsize=32)
def _meta(syntax: str) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = UID(syntax)
    return meta


def _plain(data: bytes, syntax: str, start: int) -> Dataset:
    """What :func:`pydicom.dcmread` reads, at half of its cost: the file meta information is walked once, by us."""
    body = BytesIO(data)
    body.seek(start)
    dataset = read_dataset(body, syntax == IMPLICIT_LITTLE, True)
    dataset.file_meta = _meta(syntax)
    return dataset


def _inflated(item: str, data: bytes, start: int, max_bytes: int) -> FileDataset:
    plain = zlib.decompressobj(-zlib.MAX_WBITS).decompress(memoryview(data)[start:], max_bytes + 1)
    if len(plain) > max_bytes:
        raise InputRejected(item, "too_large", f"a deflated data set of more than {max_bytes >> 20} MB")
    body = BytesIO(plain)
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = UID(DEFLATED)
    read = read_dataset(body, False, True)
    dataset = FileDataset(body, read, None, meta, False, True)
    dataset.set_original_encoding(False, True, read._character_set)
    return dataset


def _name_transfer_syntax(dataset: Dataset) -> None:
    if not hasattr(dataset, "file_meta") or dataset.file_meta is None:
        dataset.file_meta = FileMetaDataset()
    if dataset.file_meta.get("TransferSyntaxUID"):
        return
    implicit, little = dataset.original_encoding
    dataset.file_meta.TransferSyntaxUID = UID(
        IMPLICIT_LITTLE if implicit else EXPLICIT_LITTLE if little else EXPLICIT_BIG
    )
