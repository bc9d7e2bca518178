"""Rate of ingest beside bare decoding and resizing on the same cores, by file type.

    python benchmarks/ingest/rate.py [--quick] [--only KIND ...] [--workers N]

Bare: a pool of as many processes reads each file, decodes it to 8 bits and resizes it to the size of a thumbnail with
OpenCV; nothing is checked, kept or written. A raster is decoded by `cv2.imread`. DICOM has three such loops:
`bare`: pydicom's `dcmread` and `pixel_array`, then rescale and window to 8 bits in float32 by numpy, as an engineer
would write it; `pydicom`: the same with `apply_modality_lut` and `apply_voi_lut`; `stored`: no mapping at all, the
stored values resized as they are, which no encoder could use. Ingest: everything (header, checks, hashes, thumbnail,
synced commits), into an empty archive. All are measured in turn, and each ratio is the median over the rounds.

Two ratios of each: of files per second by the clock (start of the ingest's workers left in, of the bare pool's not),
and of files per second of processor time, over all processes (start of the ingest's workers left in), which other work on the
machine does not blur. The workers of ingest keep freed memory (see `caseindex/ingest/heap.py`); the bare loops run as
Python runs them.
Writes ``benchmarks/ingest/results/rate.json``.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import multiprocessing.forkserver
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import psutil

from caseindex.ingest.thumbnails import LONGER_SIDE

RESULTS = Path(__file__).parent / "results"


def anatomy(seed: int, rows: int, columns: int, levels: int) -> np.ndarray:
    """A smooth picture with a little noise, which compresses about as real ones do."""
    rng = np.random.default_rng(seed)
    coarse = cv2.resize(rng.random((12, 12), np.float32), (columns, rows), interpolation=cv2.INTER_CUBIC)
    noisy = coarse + rng.normal(0, 0.01, (rows, columns)).astype(np.float32)
    return np.clip(noisy * levels, 0, levels - 1).astype(np.uint8 if levels == 256 else np.uint16)


def make_raster(suffix: str) -> Callable[[Path, int], None]:
    def make(folder: Path, number: int) -> None:
        cv2.imwrite(str(folder / f"{number:06}{suffix}"), anatomy(number, 1024, 1024, 256))

    return make


def make_dicom(compressed: bool) -> Callable[[Path, int], None]:
    def make(folder: Path, number: int) -> None:
        from pydicom.dataset import FileDataset, FileMetaDataset
        from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, JPEG2000Lossless

        uid = f"1.2.826.0.1.3680043.10.1.{number + 1}"
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = CTImageStorage, uid
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
        dataset.SOPClassUID, dataset.SOPInstanceUID, dataset.Modality = CTImageStorage, uid, "CT"
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID = f"1.2.3.{number // 100}", f"1.2.3.{number // 100}.1"
        dataset.PatientID, dataset.InstanceNumber = f"P{number // 100}", number
        dataset.RescaleSlope, dataset.RescaleIntercept = 1, -1024
        dataset.WindowCenter, dataset.WindowWidth = 40, 400
        dataset.Rows = dataset.Columns = 512
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
        dataset.PixelData = anatomy(number, 512, 512, 4096).tobytes()
        if compressed:
            dataset.compress(JPEG2000Lossless, generate_instance_uid=False)
        dataset.save_as(folder / f"{number:06}.dcm", enforce_file_format=True)

    return make


KINDS: dict[str, Callable[[Path, int], None]] = {
    "dicom_raw": make_dicom(False),
    "dicom_jpeg2000": make_dicom(True),
    "jpeg": make_raster(".jpg"),
    "png": make_raster(".png"),
}

#: So many that the start of the workers does not decide.
COUNTS = {"dicom_raw": 3000, "dicom_jpeg2000": 400, "jpeg": 1600, "png": 1200}


def shrink(pixels: np.ndarray) -> None:
    scale = LONGER_SIDE / max(pixels.shape[:2])
    cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def stored(path: str) -> float:
    import pydicom

    started = time.process_time()
    shrink(pydicom.dcmread(path).pixel_array)
    return time.process_time() - started


def bare(path: str) -> float:
    """Processor seconds, as of the others."""
    started = time.process_time()
    if not path.endswith(".dcm"):
        shrink(cv2.imread(path, cv2.IMREAD_UNCHANGED))
        return time.process_time() - started
    import pydicom

    dataset = pydicom.dcmread(path)
    values = dataset.pixel_array.astype(np.float32) * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept)
    low = float(dataset.WindowCenter) - float(dataset.WindowWidth) / 2
    shrink((np.clip((values - low) / float(dataset.WindowWidth), 0, 1) * 255).astype(np.uint8))
    return time.process_time() - started


def with_pydicom(path: str) -> float:
    import pydicom
    from pydicom.pixels import apply_modality_lut, apply_voi_lut

    started = time.process_time()
    dataset = pydicom.dcmread(path)
    values = apply_voi_lut(apply_modality_lut(dataset.pixel_array, dataset), dataset).astype(np.float32)
    low, high = float(values.min()), float(values.max())
    shrink(((values - low) * (255.0 / (high - low or 1.0))).astype(np.uint8))
    return time.process_time() - started


Work = Callable[[str], float]
LOOPS: dict[str, Work] = {"bare": bare, "pydicom": with_pydicom, "stored": stored}


def bare_rate(files: list[str], workers: int, work: Work) -> tuple[float, float]:
    """Files per second by the clock, and per second of processor time."""
    # Not "forkserver": that is the ingest's, and whoever starts it first decides what it has loaded.
    with multiprocessing.get_context("spawn").Pool(workers, cv2.setNumThreads, (1,)) as pool:
        pool.map(work, files[: 4 * workers])  # imports are not measured
        started = time.perf_counter()
        processor = sum(pool.imap(work, files, chunksize=8))
        return len(files) / (time.perf_counter() - started), len(files) / processor


def processor_s() -> float:
    """Of this process, of its children, and of the workers that the server of the pool has seen off."""
    own = sum(os.times()[:4])
    server = multiprocessing.forkserver._forkserver._forkserver_pid
    return own + (sum(psutil.Process(server).cpu_times()[:4]) if server else 0.0)


def run_ingest(source: Path, workers: int) -> tuple[float, float]:
    """Files per second by the clock and of processor time, the start of the workers left in; what comes after (the
    archive is deleted) is not."""
    # Here, and not above: a worker imports the main module again, and a script of one's own would not be so heavy.
    from caseindex.index.store import LmdbStore
    from caseindex.ingest.pipeline import ingest
    from caseindex.settings import Ingest, Settings

    with tempfile.TemporaryDirectory(prefix="caseindex-bench-") as folder:
        archive = Path(folder)
        store = LmdbStore(archive / "cases.lmdb")
        started, before = time.perf_counter(), processor_s()
        summary = ingest(
            store,
            [source],
            settings=Settings(ingest=Ingest(workers=workers)),
            rejected=archive / "rejected.jsonl",
            thumbnails=archive / "thumbnails",
        )
        elapsed, processor = time.perf_counter() - started, processor_s() - before
        store.close()
    if summary.rejected:
        raise SystemExit(f"{source}: {summary.rejected}")
    return summary.taken / elapsed, summary.taken / processor


def make_files(folder: Path, make: Callable[[Path, int], None], count: int) -> list[str]:
    folder.mkdir(parents=True)
    for number in range(count):
        make(folder, number)
    return sorted(str(path) for path in folder.rglob("*") if path.is_file())


def measure(kind: str, count: int, rounds: int, workers: int, scratch: Path) -> dict[str, object]:
    files = make_files(scratch / kind, KINDS[kind], count)
    loops = LOOPS if kind.startswith("dicom") else {"bare": bare}
    rates: dict[str, list[tuple[float, float]]] = {name: [] for name in ("ingest", *loops)}
    for _ in range(rounds):
        for name, work in loops.items():
            rates[name].append(bare_rate(files, workers, work))
        rates["ingest"].append(run_ingest(scratch / kind, workers))
    found: dict[str, object] = {"files": count}
    for at, unit in enumerate(("per_s", "per_processor_s")):
        for name, values in rates.items():
            found[f"{name}_{unit}"] = round(statistics.median(value[at] for value in values), 1)
    for name in loops:
        for at, what in enumerate(("ratio", "processor_ratio")):
            ratios = [round(mine[at] / other[at], 3) for mine, other in zip(rates["ingest"], rates[name], strict=True)]
            found[f"{what}_to_{name}"] = statistics.median(ratios)
            found[f"{what}s_to_{name}"] = ratios
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="an eighth of the files, three rounds")
    parser.add_argument("--only", nargs="+", choices=list(COUNTS), help="measure these anew, keep the others")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    arguments = parser.parse_args()
    rounds = 3 if arguments.quick else 5
    result: dict[str, object] = {"workers": arguments.workers, "rounds": rounds}
    result["load_before"] = round(os.getloadavg()[0], 2)
    result["cores"] = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="caseindex-bench-") as scratch:  # the server of the pool starts here
        make_files(Path(scratch) / "png", KINDS["png"], 2)
        run_ingest(Path(scratch) / "png", arguments.workers)
    rates: dict[str, object] = {}
    if arguments.only:  # the others as they were measured before
        rates = json.loads((RESULTS / "rate.json").read_text())["rates"]
    for kind, count in COUNTS.items():
        if arguments.only and kind not in arguments.only:
            continue
        with tempfile.TemporaryDirectory(prefix="caseindex-bench-") as scratch:
            number = count // 8 if arguments.quick else count
            rates[kind] = measure(kind, number, rounds, arguments.workers, Path(scratch))
        print(kind, rates[kind], flush=True)
        result["load_after"] = round(os.getloadavg()[0], 2)
        result["rates"] = rates
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "rate.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
