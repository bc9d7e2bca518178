"""Every step of rendering, by values computed by hand from PS3.3 and, where it is installed, by DCMTK."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from caseindex.errors import InputRejected, SettingsError
from caseindex.ingest.voi import CT_WINDOWS, Shape, Window, named_window
from tests.ingest.dicom_builder import dicom_bytes, item, sequence

Render = Callable[..., np.ndarray]
Dcmtk = Callable[..., None]


def row(*values: int, dtype: type = np.uint16) -> np.ndarray:
    return np.array([values, values], dtype)


def lut(first: int, data: list[int], bits: int = 16, vr: str = "US", **more: object):  # type: ignore[no-untyped-def]
    found = item(**more)
    found.add_new(0x00283002, vr, [len(data), first, bits])
    found.add_new(0x00283006, "OW", np.array(data, np.uint16).tobytes())
    return sequence(found)


def test_rescale_comes_before_the_window(pixels: Render, agrees_with_dcmtk: Dcmtk) -> None:
    data = dicom_bytes(
        row(0, 1024, 1064, 1084, 4000), RescaleSlope=1, RescaleIntercept=-1024, WindowCenter=40, WindowWidth=80
    )
    # LINEAR: ((x - 39.5) / 79 + 0.5) * 255 at HU -1024, 0, 40, 60, 2976
    assert pixels(data)[0].tolist() == [0, 0, 129, 194, 255]
    agrees_with_dcmtk(data, pixels(data), "+Wi", "1")


def test_signed_values_and_a_slope(pixels: Render, agrees_with_dcmtk: Dcmtk) -> None:
    data = dicom_bytes(row(-500, -20, 0, 20, 500, dtype=np.int16), RescaleSlope=2, RescaleIntercept=10,
                       WindowCenter=10, WindowWidth=201)  # fmt: skip
    # modality values -990, -30, 10, 50, 1010; ((x - 9.5) / 200 + 0.5) * 255
    assert pixels(data)[0].tolist() == [0, 77, 128, 179, 255]
    agrees_with_dcmtk(data, pixels(data), "+Wi", "1")


def test_modality_lut(pixels: Render, agrees_with_dcmtk: Dcmtk) -> None:
    table = lut(10, [100, 200, 300, 500], ModalityLUTType="US")
    data = dicom_bytes(row(0, 10, 11, 12, 13, 99), ModalityLUTSequence=table, WindowCenter=300.5, WindowWidth=401)
    # 100 100 200 300 500 500 through ((x - 300) / 400 + 0.5) * 255
    assert pixels(data)[0].tolist() == [0, 0, 64, 128, 255, 255]
    agrees_with_dcmtk(data, pixels(data), "+Wi", "1")


def test_modality_lut_wins_over_rescale_and_min_max_is_taken_after_it(pixels: Render) -> None:
    data = dicom_bytes(row(0, 1, 2), ModalityLUTSequence=lut(0, [50, 10, 30], ModalityLUTType="US"),
                       RescaleSlope=5, RescaleIntercept=0)  # fmt: skip
    assert pixels(data)[0].tolist() == [255, 0, 128]


def test_signed_first_value_of_a_voi_lut(pixels: Render, agrees_with_dcmtk: Dcmtk) -> None:
    data = dicom_bytes(row(-3, -2, -1, 0, 1, dtype=np.int16), VOILUTSequence=lut(-2, [0, 64, 255], 8, vr="SS"))
    assert pixels(data)[0].tolist() == [0, 0, 64, 255, 255]
    agrees_with_dcmtk(data, pixels(data), "+Wl", "1")


def test_voi_lut_of_12_bits_wins_over_the_window(pixels: Render, agrees_with_dcmtk: Dcmtk) -> None:
    data = dicom_bytes(row(0, 1, 2, 3), VOILUTSequence=lut(0, [4095, 0, 1000, 2000], 12),
                       WindowCenter=2, WindowWidth=4)  # fmt: skip
    assert pixels(data)[0].tolist() == [255, 0, 62, 125]
    agrees_with_dcmtk(data, pixels(data), "+Wl", "1")


def test_first_of_several_windows(pixels: Render, agrees_with_dcmtk: Dcmtk) -> None:
    data = dicom_bytes(row(0, 50, 100, 200), WindowCenter=[50.5, 100], WindowWidth=[101, 500])
    assert pixels(data)[0].tolist() == [0, 128, 255, 255]
    agrees_with_dcmtk(data, pixels(data), "+Wi", "1")


def test_linear_exact(pixels: Render) -> None:
    data = dicom_bytes(row(0, 25, 50, 75, 100), WindowCenter=50, WindowWidth=100, VOILUTFunction="LINEAR_EXACT")
    assert pixels(data)[0].tolist() == [0, 64, 128, 191, 255]  # x / 100 * 255


def test_sigmoid(pixels: Render, agrees_with_dcmtk: Dcmtk) -> None:
    data = dicom_bytes(row(0, 50, 100, 150, 200), WindowCenter=100, WindowWidth=100, VOILUTFunction="SIGMOID")
    expected = [255 / (1 + np.exp(-4 * (x - 100) / 100)) for x in (0, 50, 100, 150, 200)]
    assert pixels(data)[0].tolist() == [round(value) for value in expected] == [5, 30, 128, 225, 250]
    agrees_with_dcmtk(data, pixels(data), "+Wi", "1", "+Wfs")


def test_width_of_one_is_a_step() -> None:
    assert Window(100, 1)(np.array([99.0, 99.5, 100.0])).tolist() == [0, 0, 1]  # C.11.2.1.2: x <= c - 0.5 is black


def test_a_width_below_one_can_only_be_exact(pixels: Render) -> None:
    data = dicom_bytes(row(0, 1, 2, 4), RescaleSlope=0.1, RescaleIntercept=0, WindowCenter=0.2, WindowWidth=0.4)
    assert pixels(data)[0].tolist() == [0, 64, 128, 255]


def test_named_window_for_ct_in_hounsfield_units_only(pixels: Render) -> None:
    values = row(0, 1024, 1064, 2000)
    ct = dicom_bytes(values, Modality="CT", RescaleSlope=1, RescaleIntercept=-1024, WindowCenter=0, WindowWidth=4000)
    mr = dicom_bytes(values, Modality="MR", RescaleSlope=1, RescaleIntercept=-1024, WindowCenter=0, WindowWidth=4000)
    assert pixels(ct, window="brain")[0].tolist() == [0, 0, 129, 255]
    assert pixels(ct, window="40/80").tolist() == pixels(ct, window="brain").tolist()
    assert pixels(ct, window="lung").tolist() != pixels(ct, window="bone").tolist()
    assert pixels(mr, window="brain").tolist() == pixels(mr).tolist()


@pytest.mark.parametrize("name", ["brain", "lung", "bone", "abdomen", "mediastinum", "stroke", "subdural"])
def test_windows_that_radiologists_name(name: str) -> None:
    assert named_window(name.upper()) == CT_WINDOWS[name]
    assert CT_WINDOWS[name].shape is Shape.LINEAR


@pytest.mark.parametrize("name", ["brian", "", "40/0", "40/-5", "a/b"])
def test_an_unknown_window_names_the_known_ones(name: str) -> None:
    with pytest.raises(SettingsError, match="subdural"):
        named_window(name)


def test_ct_without_a_window(pixels: Render) -> None:
    values = row(0, 1064, 1024 + 240, 3000)
    head = dicom_bytes(values, Modality="CT", BodyPartExamined="HEAD", RescaleSlope=1, RescaleIntercept=-1024)
    trunk = dicom_bytes(values, Modality="CT", BodyPartExamined="ABDOMEN", RescaleSlope=1, RescaleIntercept=-1024)
    assert pixels(head)[0].tolist() == [0, 129, 255, 255]  # 40/80
    assert pixels(trunk)[0].tolist() == [0, 128, 255, 255]  # 40/400


def test_min_max_without_a_window_leaves_padding_out(pixels: Render, agrees_with_dcmtk: Dcmtk) -> None:
    plain = dicom_bytes(row(100, 150, 200, 300))
    assert pixels(plain)[0].tolist() == [0, 64, 128, 255]
    agrees_with_dcmtk(plain, pixels(plain), "+Wm")
    padded = dicom_bytes(row(-2000, 100, 150, 200, 300, dtype=np.int16), elements={0x00280120: ("SS", -2000)})
    assert pixels(padded)[0].tolist() == [0, 0, 64, 128, 255]


def test_padding_range_and_padding_at_the_bright_end_are_black(pixels: Render) -> None:
    elements = {0x00280120: ("US", 4000), 0x00280121: ("US", 4095)}
    data = dicom_bytes(row(0, 100, 200, 4000, 4090, 4095), elements=elements)
    assert pixels(data)[0].tolist() == [0, 128, 255, 0, 0, 0]


def test_a_padding_value_amid_the_anatomy_is_not_believed(pixels: Render) -> None:
    data = dicom_bytes(row(-1000, 0, 1000, dtype=np.int16), elements={0x00280120: ("SS", 0)})
    assert pixels(data)[0].tolist() == [0, 128, 255]


def test_monochrome1_is_inverted_last(pixels: Render, agrees_with_dcmtk: Dcmtk) -> None:
    data = dicom_bytes(row(0, 50, 100, 200), photometric="MONOCHROME1", WindowCenter=50.5, WindowWidth=101)
    assert pixels(data)[0].tolist() == [255, 128, 0, 0]
    agrees_with_dcmtk(data, pixels(data), "+Wi", "1")


def test_inverse_presentation_lut_shape(pixels: Render) -> None:
    inverse = dicom_bytes(row(0, 100, 200), PresentationLUTShape="INVERSE")
    both = dicom_bytes(row(0, 100, 200), photometric="MONOCHROME1", PresentationLUTShape="INVERSE")
    identity = dicom_bytes(row(0, 100, 200), PresentationLUTShape="IDENTITY")
    assert pixels(inverse)[0].tolist() == pixels(both)[0].tolist() == [255, 128, 0]  # one inversion, not two
    assert pixels(identity)[0].tolist() == [0, 128, 255]


@pytest.mark.parametrize("bits", [7, 10, 12, 14, 15, 16])
def test_odd_bit_depths_ignore_what_lies_above_them(bits: int, pixels: Render, agrees_with_dcmtk: Dcmtk) -> None:
    top = (1 << bits) - 1
    values = np.array([[0, top // 2, top], [0, top // 2, top]], np.uint16)
    dirty = values | (0 if bits == 16 else 1 << bits)  # an old overlay plane in an unused bit
    data = dicom_bytes(dirty.astype(np.uint16), stored=bits)
    assert pixels(data)[0].tolist() == [0, round((top // 2) * 255 / top), 255]
    agrees_with_dcmtk(data, pixels(data), "+Wm")


def test_signed_12_bits_in_16(pixels: Render, agrees_with_dcmtk: Dcmtk) -> None:
    values = np.array([[-2048, 0, 2047]] * 2, np.int16)
    data = dicom_bytes((values.view(np.uint16) & 0x0FFF).view(np.int16), stored=12)  # sign bits above are not set
    assert pixels(data)[0].tolist() == [0, 128, 255]
    agrees_with_dcmtk(data, pixels(data), "+Wm")


def test_bits_that_do_not_begin_at_zero(pixels: Render) -> None:
    values = np.array([[0, 512, 1023]] * 2, np.uint16) << 6 | 0x3F
    data = dicom_bytes(values.astype(np.uint16), stored=10, HighBit=15)
    assert pixels(data)[0].tolist() == [0, 128, 255]


def test_one_bit_per_pixel_across_byte_borders(taken: Callable[..., list]) -> None:
    bits = np.random.default_rng(1).integers(0, 2, (3, 5, 7), np.uint8)
    data = dicom_bytes(bits, frames=3, raw=np.packbits(bits.ravel(), bitorder="little").tobytes(),
                       BitsAllocated=1, BitsStored=1, HighBit=0)  # fmt: skip
    assert [part.pixels.tolist() for part in taken(data)] == (bits * 255).tolist()


def test_32_bit_integers_and_floats(pixels: Render) -> None:
    wide = dicom_bytes(np.array([[0, 1 << 30, (1 << 31) - 2]] * 2, np.uint32))
    assert pixels(wide)[0].tolist() == [0, 128, 255]
    values = np.array([[-1.0, 0.0, np.nan, 1.0]] * 2, np.float32)
    real = dicom_bytes(np.zeros((2, 4), np.uint32), elements={0x7FE00008: ("OF", values.tobytes())})
    assert pixels(_without_pixel_data(real))[0].tolist() == [0, 128, 0, 255]


def _without_pixel_data(data: bytes) -> bytes:
    at = data.index(b"\xe0\x7f\x10\x00")
    return data[:at]


@pytest.mark.parametrize(
    "transfer_syntax",
    [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16])
def test_every_uncompressed_transfer_syntax(
    transfer_syntax: str, dtype: type, pixels: Render, agrees_with_dcmtk: Dcmtk
) -> None:
    values = np.arange(9 * 7, dtype=dtype).reshape(9, 7)  # an odd number of bytes
    data = dicom_bytes(values, transfer_syntax=transfer_syntax)
    assert pixels(data).tolist() == np.rint(values * (255 / 62)).astype(int).tolist()
    agrees_with_dcmtk(data, pixels(data), "+Wm")


def palette(channel: int, entries: list[int], bits: int, first: int = 0) -> dict[int, tuple[str, object]]:
    size = [len(entries) % 65536, first, bits]
    packed = np.array(entries, np.uint16).tobytes() if bits == 16 else np.array(entries, np.uint8).tobytes()
    return {0x00281101 + channel: ("US", size), 0x00281201 + channel: ("OW", packed + b"\0" * (len(packed) % 2))}


@pytest.mark.parametrize("bits", [8, 16])
def test_palette(bits: int, pixels: Render, agrees_with_dcmtk: Dcmtk) -> None:
    scale = 257 if bits == 16 else 1
    tables = {}
    for channel, entries in enumerate(([0, 255, 10, 20], [0, 0, 200, 30], [255, 7, 9, 40])):
        tables.update(palette(channel, [entry * scale for entry in entries], bits, first=5))
    data = dicom_bytes(np.array([[0, 5, 6], [7, 8, 200]], np.uint8), photometric="PALETTE COLOR", elements=tables)
    first, last = [0, 0, 255], [20, 30, 40]
    assert pixels(data).tolist() == [[first, first, [255, 0, 7]], [[10, 200, 9], last, last]]
    agrees_with_dcmtk(data, pixels(data))


def test_segmented_palette(pixels: Render) -> None:
    # discrete: 2 entries; linear: 2 more, up to 300 * 256; indirect: the first discrete segment again
    codes = [0, 2, 0x1000, 0x2000, 1, 2, 0x4000, 2, 1, 0, 0]
    elements: dict[int, tuple[str, object]] = {}
    for channel in range(3):
        elements[0x00281101 + channel] = ("US", [6, 0, 16])
        elements[0x00281221 + channel] = ("OW", np.array(codes, np.uint16).tobytes())
    data = dicom_bytes(np.array([[0, 1, 2], [3, 4, 5]], np.uint8), photometric="PALETTE COLOR", elements=elements)
    # grey in all channels: collapsed; 0x10 0x20 0x30 0x40 0x10 0x20
    assert pixels(data).tolist() == [[16, 32, 48], [64, 16, 32]]


COLOURS = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [90, 100, 110]]], np.uint8)


def test_rgb_by_pixel_and_by_plane(pixels: Render, agrees_with_dcmtk: Dcmtk) -> None:
    by_pixel = dicom_bytes(COLOURS, photometric="RGB")
    by_plane = dicom_bytes(COLOURS, photometric="RGB", raw=COLOURS.transpose(2, 0, 1).tobytes(), PlanarConfiguration=1)
    for data in (by_pixel, by_plane):
        assert pixels(data).tolist() == COLOURS.tolist()
        agrees_with_dcmtk(data, pixels(data))


def test_ybr_full(pixels: Render, agrees_with_dcmtk: Dcmtk) -> None:
    ybr = np.array([[[76, 85, 255], [150, 44, 21]], [[29, 255, 107], [128, 128, 128]]], np.uint8)
    data = dicom_bytes(ybr, photometric="YBR_FULL")
    # R = Y + 1.402 Cr', G = Y - 0.344136 Cb' - 0.714136 Cr', B = Y + 1.772 Cb', by hand
    assert pixels(data).tolist() == [[[254, 0, 0], [0, 255, 1]], [[0, 0, 254], [128, 128, 128]]]
    agrees_with_dcmtk(data, pixels(data), levels=2)


def test_ybr_full_422(pixels: Render) -> None:
    shape = np.zeros((1, 4, 3), np.uint8)
    raw = bytes([76, 150, 85, 255, 29, 200, 255, 107])  # Y1 Y2 Cb Cr, twice
    data = dicom_bytes(shape, photometric="YBR_FULL_422", raw=raw)
    assert pixels(data).tolist() == [[[254, 0, 0], [255, 74, 74], [0, 0, 254], [171, 171, 255]]]


def test_16_bit_colour_keeps_its_upper_bits(pixels: Render) -> None:
    data = dicom_bytes(COLOURS.astype(np.uint16) * 256 + 255, photometric="RGB")
    assert pixels(data).tolist() == COLOURS.tolist()


def test_grey_colour_images_become_grey(pixels: Render) -> None:
    grey = np.repeat(np.array([[[1], [2]], [[3], [4]]], np.uint8), 3, axis=2)
    assert pixels(dicom_bytes(grey, photometric="RGB")).tolist() == [[1, 2], [3, 4]]


def test_pixels_are_made_square(taken: Callable[..., list]) -> None:
    values = np.tile(np.array([0, 100, 200, 250], np.uint8), (3, 1))
    [by_spacing] = taken(dicom_bytes(values, PixelSpacing=[2.0, 1.0]))
    assert by_spacing.pixels.shape == (6, 4)
    assert by_spacing.image.pixel_spacing_mm == (1.0, 1.0)
    assert (by_spacing.image.rows, by_spacing.image.columns) == (6, 4)
    assert (by_spacing.pixels == by_spacing.pixels[0]).all()
    [by_ratio] = taken(dicom_bytes(values, PixelAspectRatio=["1", "2"]))
    assert by_ratio.pixels.shape == (3, 8)
    [square] = taken(dicom_bytes(values, PixelSpacing=[1.0, 1.004]))
    assert square.pixels.shape == (3, 4)
    [absurd] = taken(dicom_bytes(values, PixelSpacing=[1e6, 1e-6]))
    assert absurd.pixels.shape == (3, 4)


def test_enhanced_multi_frame_has_its_transforms_per_frame(taken: Callable[..., list]) -> None:
    values = np.stack([row(0, 50, 100)] * 2)
    shared = item(
        PixelMeasuresSequence=sequence(item(PixelSpacing=[0.5, 0.5])),
        PlaneOrientationSequence=sequence(item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])),
    )
    per_frame = [
        item(
            PixelValueTransformationSequence=sequence(item(RescaleSlope=slope, RescaleIntercept=0)),
            FrameVOILUTSequence=sequence(item(WindowCenter=100.5, WindowWidth=201)),
            PlanePositionSequence=sequence(item(ImagePositionPatient=[0, 0, 10 * slope])),
        )
        for slope in (1, 2)
    ]
    data = dicom_bytes(values, frames=2, SharedFunctionalGroupsSequence=sequence(shared),
                       PerFrameFunctionalGroupsSequence=sequence(*per_frame))  # fmt: skip
    one, two = taken(data)
    assert one.pixels[0].tolist() == [0, 64, 128]
    assert two.pixels[0].tolist() == [0, 128, 255]
    assert [part.image.image_uid for part in (one, two)] == ["1.2.3.4#0", "1.2.3.4#1"]
    assert [part.image.position_mm for part in (one, two)] == [10, 20]
    assert {part.image.view for part in (one, two)} == {"AXIAL"}
    assert one.image.pixel_spacing_mm == (0.5, 0.5)


def test_a_window_beside_all_values_falls_back_to_min_max(taken: Callable[..., list]) -> None:
    [found] = taken(dicom_bytes(row(10, 20, 30), WindowCenter=5000, WindowWidth=10))
    assert found.pixels[0].tolist() == [0, 128, 255]
    assert found.image.attributes["rendered_by"] == "min_max"


@pytest.mark.parametrize("value", [0, 7])
def test_a_constant_picture_is_rejected(value: int, taken: Callable[..., list]) -> None:
    with pytest.raises(InputRejected) as caught:
        taken(dicom_bytes(np.full((4, 4), value, np.uint16)))
    assert caught.value.code == "constant_image"


def test_nothing_but_nan_is_rejected(taken: Callable[..., list]) -> None:
    values = np.full((2, 2), np.nan, np.float32)
    data = dicom_bytes(np.zeros((2, 2), np.uint32), elements={0x7FE00008: ("OF", values.tobytes())})
    with pytest.raises(InputRejected) as caught:
        taken(_without_pixel_data(data))
    assert caught.value.code == "constant_image"


def test_constant_frames_among_others_are_left_out(taken: Callable[..., list]) -> None:
    frames = np.stack([np.zeros((2, 3)), row(0, 1, 2), np.full((2, 3), 9)]).astype(np.uint16)
    assert [part.image.frame for part in taken(dicom_bytes(frames, frames=3))] == [1]
