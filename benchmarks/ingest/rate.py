"""Rate of ingest beside bare decoding and resizing on the same cores, by file type; memory as files grow in number.

    python benchmarks/ingest/rate.py [--quick] [--workers N]

Bare: a pool of as many processes reads each file, decodes it (OpenCV; pydicom for DICOM) and resizes it to the size of
a thumbnail; nothing is checked, kept or written. Ingest: everything, into an empty archive. Both are measured in turn,
the ratio is the median over the rounds. Memory: the peak of the parent and of the largest worker.
Writes ``benchmarks/ingest/results/rate.json``.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import psutil

from caseindex.index.store import LmdbStore
from caseindex.ingest.pipeline import ingest
from caseindex.ingest.thumbnails import shrink
from caseindex.settings import Ingest, Settings

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


def make_small(folder: Path, number: int) -> None:
    inner = folder / f"{number // 1000:03}"
    inner.mkdir(exist_ok=True)
    cv2.imwrite(str(inner / f"{number:06}.png"), np.random.default_rng(number).integers(0, 256, (33, 33), np.uint8))


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


def bare(path: str) -> int:
    cv2.setNumThreads(1)
    if path.endswith(".dcm"):
        import pydicom

        pixels = pydicom.dcmread(path).pixel_array
    else:
        pixels = cv2.imread(path, cv2.IMREAD_UNCHANGED)
    return int(shrink(pixels).shape[0])


def bare_rate(files: list[str], workers: int) -> float:
    with multiprocessing.get_context("forkserver").Pool(workers) as pool:
        pool.map(bare, files[: 4 * workers])  # imports are not measured
        started = time.perf_counter()
        for _ in pool.imap(bare, files, chunksize=8):
            pass
        return len(files) / (time.perf_counter() - started)


def run_ingest(source: Path, workers: int) -> float:
    """Files per second, the start of the workers left in."""
    with tempfile.TemporaryDirectory(prefix="caseindex-bench-") as folder:
        archive = Path(folder)
        store = LmdbStore(archive / "cases.lmdb")
        started = time.perf_counter()
        summary = ingest(
            store,
            [source],
            settings=Settings(ingest=Ingest(workers=workers)),
            rejected=archive / "rejected.jsonl",
            thumbnails=archive / "thumbnails",
        )
        elapsed = time.perf_counter() - started
        store.close()
    if summary.rejected:
        raise SystemExit(f"{source}: {summary.rejected}")
    return summary.taken / elapsed


class PeakMemory:
    """The largest resident size of this process and of any child, in MiB, while the block runs."""

    def __enter__(self) -> PeakMemory:
        self.parent = self.worker = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        me = psutil.Process()
        while not self._stop.wait(0.1):
            # Without the memory map of LMDB: those pages belong to the page cache.
            info = me.memory_full_info()
            self.parent = max(self.parent, info.uss / 2**20)
            for child in me.children(recursive=True):
                try:
                    self.worker = max(self.worker, child.memory_info().rss / 2**20)
                except psutil.Error:
                    continue


def make_files(folder: Path, make: Callable[[Path, int], None], count: int) -> list[str]:
    folder.mkdir(parents=True)
    for number in range(count):
        make(folder, number)
    return sorted(str(path) for path in folder.rglob("*") if path.is_file())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer files and rounds; memory up to 10,000 files")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    arguments = parser.parse_args()
    count, rounds = (300, 3) if arguments.quick else (1000, 5)
    numbers = (1_000, 10_000) if arguments.quick else (1_000, 10_000, 100_000)
    result: dict[str, object] = {"workers": arguments.workers, "quick": arguments.quick, "files": count}
    with tempfile.TemporaryDirectory(prefix="caseindex-bench-") as scratch:
        rates = {}
        for kind, make in KINDS.items():
            files = make_files(Path(scratch) / kind, make, count)
            pairs = [
                (bare_rate(files, arguments.workers), run_ingest(Path(scratch) / kind, arguments.workers))
                for _ in range(rounds)
            ]
            rates[kind] = {
                "bare_per_s": round(statistics.median(one for one, _ in pairs), 1),
                "ingest_per_s": round(statistics.median(other for _, other in pairs), 1),
                "ratio": round(statistics.median(other / one for one, other in pairs), 3),
                "ratios": [round(other / one, 3) for one, other in pairs],
            }
            print(kind, rates[kind], flush=True)
        result["rates"] = rates
        memory = {}
        for number in numbers:
            folder = Path(scratch) / f"small{number}"
            make_files(folder, make_small, number)
            with PeakMemory() as peak:
                rate = run_ingest(folder, arguments.workers)
            memory[str(number)] = {
                "parent_mib": round(peak.parent, 1),
                "worker_mib": round(peak.worker, 1),
                "files_per_s": round(rate, 1),
            }
            print(number, memory[str(number)], flush=True)
        result["memory"] = memory
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "rate.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
