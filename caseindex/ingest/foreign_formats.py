"""What a file is that is not taken in, by its first bytes, and what to do with it: the detail of an `unknown_format`."""

from __future__ import annotations

from typing import Final

#: (offset, signature, what it is and the way out); the first that fits counts.
_SIGNATURES: Final[tuple[tuple[int, bytes, str], ...]] = (
    (0, b"GIF8", "a GIF picture; convert it to PNG"),
    (8, b"WEBP", "a WebP picture; convert it to PNG"),
    (0, b"BM", "a BMP picture; convert it to PNG"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 picture without DICOM around it; convert it to PNG"),
    (0, b"\xff\x4f\xff\x51", "a bare JPEG 2000 codestream; convert it to PNG"),
    (4, b"ftypheic", "a HEIC picture; convert it to PNG"),
    (4, b"ftypavif", "an AVIF picture; convert it to PNG"),
    (4, b"ftyp", "a video; only its frames as pictures can be taken in"),
    (0, b"%PDF", "a PDF document; save its text as a .txt file beside the picture"),
    (0, b"{\\rtf", "an RTF document; save its text as a .txt file beside the picture"),
    (0, b"\xd0\xcf\x11\xe0", "an old Office document; save its text as a .txt file beside the picture"),
    (0, b"\x1f\x8b", "a gzip or tar.gz archive; unpack it and take in the folder"),
    (257, b"ustar", "a tar archive; unpack it and take in the folder"),
    (0, b"BZh", "a bzip2 archive; unpack it and take in the folder"),
    (0, b"\xfd7zXZ", "an xz archive; unpack it and take in the folder"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it and take in the folder"),
    (0, b"Rar!", "a RAR archive; unpack it and take in the folder"),
    (344, b"n+1\0", "a NIfTI volume; convert it to DICOM or PNG slices"),
    (0, b"NRRD", "an NRRD volume; convert it to DICOM or PNG slices"),
    (0, b"\x93NUMPY", "a numpy array; save it as PNG"),
)
_TABLES: Final = (".csv", ".tsv", ".csv.gz")


def described(file: str, data: bytes) -> str:
    """What ``data`` (of the file called ``file``) seems to be; empty where it is nothing that is known.

    >>> described("scan", b"GIF89a")
    'a GIF picture; convert it to PNG'
    """
    for offset, signature, words in _SIGNATURES:
        if data[offset : offset + len(signature)] == signature:
            return words
    name = file.lower()
    if name.endswith(_TABLES) and "!" in name:
        return "a table inside a zip archive; unpack the archive for its layout to be known"
    if name.endswith(_TABLES):
        return "a table that no layout knows; as a manifest it needs a column `image`, as reports it goes to --reports"
    if name.endswith((".txt", ".xml", ".json", ".html", ".htm")):
        return "a text that belongs to no picture: call it as the picture, or report.txt in the picture's folder"
    return ""
