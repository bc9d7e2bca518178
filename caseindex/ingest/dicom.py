"""One DICOM object: its header, its text or its pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from caseindex.errors import InputRejected
from caseindex.ingest.aspect import make_square, read_geometry
from caseindex.ingest.attributes import Attributes
from caseindex.ingest.dicom_file import parse
from caseindex.ingest.functional_groups import frame_attributes
from caseindex.ingest.header import Header, read_header, read_modality, read_plane, read_side
from caseindex.ingest.native_frames import Stored, native_frames
from caseindex.ingest.pixel_format import PixelFormat, read_pixel_format
from caseindex.ingest.render import render
from caseindex.ingest.structured_report import report_text
from caseindex.records import PixelArray, Side

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


@dataclass(frozen=True, slots=True)
class FramePicture:
    """One rendered frame and what the file says of this frame alone."""

    frame: int
    pixels: PixelArray
    content_score: float
    voi: str
    view: str | None
    side: Side | None
    position_mm: float | None
    pixel_spacing_mm: tuple[float, float] | None


class DicomObject:
    """Parses ``data`` at once; raises :class:`~caseindex.errors.InputRejected`. ``item`` names it in errors."""

    def __init__(self, item: str, data: bytes, max_pixels: int, max_frames: int, max_bytes: int) -> None:
        self.item = item
        self.dataset: Dataset = parse(item, data, max_bytes)
        self.transfer_syntax = str(self.dataset.file_meta.TransferSyntaxUID)
        self.little_endian = self.dataset.original_encoding[1] is not False
        self.root = Attributes.of(self.dataset, self.little_endian)
        self._max_pixels = max_pixels
        self._max_frames = max_frames

    def header(self, file_sha256: str) -> Header:
        return read_header(self.root, file_sha256)

    def text(self) -> str | None:
        """The text of a structured report, ``None`` for any other object."""
        return report_text(self.root)

    @property
    def modality(self) -> str | None:
        return read_modality(self.root)

    @cached_property
    def shape(self) -> PixelFormat:
        return read_pixel_format(self.item, self.root, self._max_pixels, self._max_frames)

    @property
    def is_multi_frame(self) -> bool:
        return self.shape.frames > 1

    def pictures(self, window: str | None = None, only: int | None = None) -> Iterator[FramePicture]:
        """The frames that show anything, in order; ``only`` one of them."""
        shape = self.shape
        wanted = range(shape.frames) if only is None else range(only, only + 1)
        if wanted.stop > shape.frames:
            raise InputRejected(self.item, "undecodable_pixels", f"no frame {only}: there are {shape.frames}")
        modality, body_part = self.modality, self.root.code(0x00180015)
        for number, stored, photometric in self._stored(shape, wanted):
            frame = frame_attributes(self.root, number)
            picture = render(stored, shape, photometric, frame, modality=modality, body_part=body_part, window=window)
            if picture is None:
                continue
            view, position = read_plane(frame)
            pixels, geometry = make_square(picture.pixels, read_geometry(frame), self._max_pixels)
            yield FramePicture(
                frame=number,
                pixels=pixels,
                content_score=picture.content_score,
                voi=picture.voi,
                view=view,
                side=read_side(frame),
                position_mm=position,
                pixel_spacing_mm=geometry.spacing_mm,
            )

    def _stored(self, shape: PixelFormat, wanted: range) -> Iterator[tuple[int, Stored, str]]:
        from pydicom.uid import UID

        syntax = UID(self.transfer_syntax)
        try:
            encapsulated = syntax.is_encapsulated
        except ValueError:  # private, or no transfer syntax at all: how the data set is parsed decides
            encapsulated = True
        if not encapsulated:
            vr, value = self.root.raw(shape.keyword)
            if not isinstance(value, bytes):
                raise InputRejected(self.item, "undecodable_pixels", "the pixel data are no byte string")
            yield from native_frames(self.item, value, shape, little_endian=self.little_endian, vr=vr, wanted=wanted)
            return
        from caseindex.ingest.encapsulated_frames import encapsulated_frames

        yield from encapsulated_frames(self.item, self.dataset, shape, self.transfer_syntax, self._max_pixels, wanted)
