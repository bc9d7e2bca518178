"""How records lie in LMDB: names of the databases, keys, checksummed values, the format's version and its migrations.

A value is ``flags u8 | crc32 u32 | id u64 | msgpack`` (little endian); the checksum covers key, flags, id and payload,
so that a value under a wrong key is found too. The payload is a map of the fields that differ from their default:
fields can be added without touching what is stored.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
import struct
from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, TypeVar
from zlib import crc32

import msgspec

from caseindex.errors import ArchiveDamaged
from caseindex.records import Image, Report, Series, Study

FORMAT_VERSION: Final = 1

#: Databases of plain keys, and those where a key holds many sorted values (LMDB's DUPSORT).
PLAIN: Final = (
    "meta",
    "images",
    "series",
    "studies",
    "reports",
    "image_ids",
    "report_ids",
    "spaces",
    "embeddings",
    "erasures",
)
MANY: Final = (
    "images_by_patient",
    "images_by_study",
    "images_by_series",
    "series_by_study",
    "studies_by_patient",
    "studies_by_accession",
    "reports_by_patient",
    "reports_by_study",
)

MODEL_NAME: Final = b"model/"  # and a fingerprint: keys in `meta`

R = TypeVar("R", Image, Series, Study, Report)

_HEAD = struct.Struct("<BIQ")
_ESCAPED = 1  # flag: the strings went through `_escape`
_LONGEST_KEY = 440  # of LMDB's 511 bytes


def key(uid: str) -> bytes:
    """A UID as an LMDB key, in the order of the UIDs. One too long for a key keeps its first 400 bytes for the order
    and ends in a digest; the leading byte makes an empty UID possible. File names that are not text (lone
    surrogates) have keys too."""
    raw = b"=" + uid.encode("utf-8", "surrogatepass")
    if len(raw) <= _LONGEST_KEY:
        return raw
    return raw[:400] + b"\xff" + hashlib.sha256(raw).digest()


def text_of(raw_key: bytes) -> str | None:
    """The UID of a key; ``None`` where the key holds only its digest."""
    if len(raw_key) > 432 and raw_key[400:401] == b"\xff":
        return None
    return raw_key[1:].decode("utf-8", "surrogatepass")


def pack_uid(uid: str) -> bytes:
    raw = uid.encode("utf-8", "surrogatepass")
    return crc32(raw).to_bytes(4, "little") + raw


def unpack_uid(value: bytes | memoryview, where: str) -> str:
    raw = bytes(value)
    if len(raw) < 4 or crc32(raw[4:]) != int.from_bytes(raw[:4], "little"):
        raise damaged(where)
    return raw[4:].decode("utf-8", "surrogatepass")


def damaged(where: str) -> ArchiveDamaged:
    return ArchiveDamaged(
        where, "its checksum does not fit its content", "Run `caseindex check`; it says what can be done"
    )


class Codec(Generic[R]):
    """One record type to and from its stored value."""

    def __init__(self, record: type[R], name: str, uid_field: str, secondary: Mapping[str, str]) -> None:
        self.record: type[R] = record
        self.name = name  # of the database
        self.uid_field = uid_field
        self.secondary = secondary  # database -> field
        self._defaults = {
            field.name: field.default_factory() if callable(field.default_factory) else field.default
            for field in dataclasses.fields(record)
        }
        self._decoder: msgspec.msgpack.Decoder[R] = msgspec.msgpack.Decoder(record)

    def uid(self, record: R) -> str:
        return getattr(record, self.uid_field)

    def secondary_keys(self, record: R) -> dict[str, bytes]:
        found = {database: getattr(record, name) for database, name in self.secondary.items()}
        return {database: key(value) for database, value in found.items() if value is not None}

    def pack(self, raw_key: bytes, record: R, item_id: int = 0) -> bytes:
        fields = {}
        for name, default in self._defaults.items():
            value = getattr(record, name)
            if value != default:
                fields[name] = value
        flags = 0
        try:
            payload = msgspec.msgpack.encode(fields)
        except UnicodeEncodeError:
            flags = _ESCAPED
            payload = msgspec.msgpack.encode(_each_text(fields, _escape))
        return seal(raw_key, payload, item_id, flags)

    def unpack(self, raw_key: bytes | memoryview, value: bytes | memoryview) -> tuple[R, int]:
        """(record, id). Raises :class:`~caseindex.errors.ArchiveDamaged`."""
        payload, item_id, flags = unseal(raw_key, value, self.name)
        try:
            if flags & _ESCAPED:
                return msgspec.convert(_each_text(msgspec.msgpack.decode(payload), _unescape), self.record), item_id
            return self._decoder.decode(payload), item_id
        except msgspec.MsgspecError as error:
            raise ArchiveDamaged(
                f"a record of {self.name}", f"it cannot be read: {error}", "Run `caseindex check`"
            ) from error


def seal(raw_key: bytes, payload: bytes, item_id: int = 0, flags: int = 0) -> bytes:
    return _HEAD.pack(flags, _checksum(raw_key, payload, item_id, flags), item_id) + payload


def unseal(raw_key: bytes | memoryview, value: bytes | memoryview, name: str) -> tuple[memoryview, int, int]:
    """(payload, id, flags) of a stored value whose checksum fits."""
    view = memoryview(value)
    if len(view) < _HEAD.size:
        raise damaged(f"a record of {name}")
    flags, checksum, item_id = _HEAD.unpack_from(view)
    payload = view[_HEAD.size :]
    if checksum != _checksum(raw_key, payload, item_id, flags):
        raise damaged(f"a record of {name}")
    return payload, item_id, flags


def _checksum(raw_key: bytes | memoryview, payload: bytes | memoryview, item_id: int, flags: int) -> int:
    return crc32(payload, crc32(raw_key, crc32(struct.pack("<BQ", flags, item_id))))


_SURROGATE = re.compile(r"[\\\ud800-\udfff]")
_ESCAPE = re.compile(r"\\(\\|u[0-9a-f]{4})")


def _escape(text: str) -> str:
    return _SURROGATE.sub(lambda found: "\\\\" if found[0] == "\\" else f"\\u{ord(found[0]):04x}", text)


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda found: "\\" if found[1] == "\\" else chr(int(found[1][1:], 16)), text)


def _each_text(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {_each_text(name, change): _each_text(item, change) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_each_text(item, change) for item in value]
    return value


IMAGES: Final = Codec(
    Image,
    "images",
    "image_uid",
    {"images_by_patient": "patient_id", "images_by_study": "study_uid", "images_by_series": "series_uid"},
)
SERIES: Final = Codec(Series, "series", "series_uid", {"series_by_study": "study_uid"})
STUDIES: Final = Codec(
    Study, "studies", "study_uid", {"studies_by_patient": "patient_id", "studies_by_accession": "accession_number"}
)
REPORTS: Final = Codec(
    Report, "reports", "report_uid", {"reports_by_patient": "patient_id", "reports_by_study": "study_uid"}
)
CODECS: Final[dict[str, Codec[Any]]] = {codec.name: codec for codec in (IMAGES, SERIES, STUDIES, REPORTS)}
