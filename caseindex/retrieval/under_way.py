"""One search under way: what its channels share, and what the answer will say of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from caseindex.index.archive import Archive
from caseindex.index.filters import Filters
from caseindex.protocols import RecordReader
from caseindex.records import Image, ItemKind
from caseindex.retrieval.cases import Candidates
from caseindex.retrieval.encoding import Encoding
from caseindex.retrieval.nearest import Gallery, open_gallery
from caseindex.retrieval.query import Channel, Level, Query
from caseindex.retrieval.question import Question
from caseindex.retrieval.word_index import WordIndex, open_word_index

OnProgress = Callable[[str, int, int], None]  # what, done, total

#: Robust standard deviations above the gallery that words need to find an image without a report.
OUTSTANDING = 2.0


@dataclass
class UnderWay:
    """``model``: a name, instead of `[models] search` of archive.toml. ``searched``: how many images or reports were
    compared. ``examples``: reported cases that the bridge was made of."""

    archive: Archive
    model: str | None
    query: Query
    reader: RecordReader
    embed_missing: bool = True
    on_progress: OnProgress | None = None
    notes: list[str] = field(default_factory=list)
    searched: int = 0
    channels: list[str] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    encoding: Encoding | None = None
    left_out: set[str] = field(default_factory=set)  # UIDs of the question's own studies
    examples: int = 0

    def __post_init__(self) -> None:
        self.candidates = Candidates(self.reader, self.query.level)
        if not self.query.include_own_study:
            self.left_out |= set(self.query.own_study_uids)
            if self.query.study_uid is not None:
                self.left_out.add(self.query.study_uid)

    @property
    def images_alone(self) -> bool:
        return self.query.channel is Channel.IMAGE

    @property
    def wanted(self) -> int:
        """How many cases a channel gives: more than are shown, as the fusion orders them anew."""
        return max(4 * self.query.k, 50)

    def filters(self) -> Filters:
        """Those of the query, and without the studies that are left out."""
        filters = self.query.filters
        if not self.left_out:
            return filters
        return replace(filters, exclude_study_uids=tuple({*(filters.exclude_study_uids or ()), *self.left_out}))

    def takes_part(self, channel: str, compared: int) -> None:
        self.searched = max(self.searched, compared)
        self.channels.append(channel)

    def key(self, image: Image) -> str:
        """What counts once: the study's UID, or the image's at image level."""
        return image.study_uid if self.query.level is Level.CASE else image.image_uid

    def image(self, item: int) -> Image | None:
        uid = self.reader.item_uid(ItemKind.IMAGE, item)
        return self.reader.image(uid) if uid else None

    def gallery(self, filters: Filters) -> Gallery:
        """The images in the space of the model in use, which was chosen before."""
        if self.encoding is None:
            raise RuntimeError("a gallery is opened after its model was chosen")
        return open_gallery(self.archive, self.encoding.fingerprint, ItemKind.IMAGE, self.encoding.dim, filters)

    def word_index(self) -> WordIndex:
        read = 0

        def advance(done: int, total: int) -> None:
            nonlocal read
            read += done
            if self.on_progress is not None:
                self.on_progress("reading reports", read, total)

        return open_word_index(self.archive, advance)
