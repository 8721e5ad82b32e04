"""One pair of a batch: read, dress, write; whatever happens, a row of the manifest.

The three steps are apart so that those of neighbouring pairs overlap (`tryon.batch`).
Only `dress` runs networks.
"""

import errno
import hashlib
import logging
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from tryon import __version__
from tryon.batch.garment_cache import GarmentCache, Key
from tryon.batch.manifest import Row
from tryon.batch.models import Models, ShippedModels
from tryon.batch.pairs import Pair
from tryon.errors import MissingModel, Refusal, TryOnError
from tryon.files import encode_image, printable, write_whole
from tryon.images import read_photo, shrink
from tryon.pipeline import Options, StageTimer, TryOnPipeline
from tryon.report import describe_model
from tryon.types import Photo, TryOnResult
from tryon.zoo import ModelCard, sha256_of

THUMBS = "thumbs"  # folder of small pictures beside the results
THUMB_SIZE = 128  # longest side in pixels
PATTERNS = 4  # trained patterns that are kept loaded
SCORES = (
    "score",
    "warp_distortion",
    "landmark_distance",
    "style_distance",
    "seam_energy",
)
# Errors that every later pair would meet too: the batch stops, and is resumed.
_STOPPING = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EFBIG)
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """What the pairs of a batch share."""

    out: Path  # folder of the results
    models: Models = field(default_factory=ShippedModels)
    options: Options = field(default_factory=Options)
    no_clobber: bool = False  # leave results alone that are there already


class Source(NamedTuple):
    """A picture file as it was read.

    Attributes:
        path: as the batch names it.
        sha256: of the file; None when it could not be read.
        photo: None when it was not needed, or is refused.
        refusal: why it cannot be used.
    """

    path: str
    sha256: str | None = None
    photo: Photo | None = None
    refusal: Refusal | None = None


class Trouble(NamedTuple):
    """Why a pair has no result."""

    status: str  # "refused" or "failed"
    reason: str
    message: str


@dataclass(frozen=True)
class Work:
    """A pair on its way: each step fills in what it found."""

    pair: Pair
    user: Source
    shop: Source
    seconds: Mapping[str, float]
    trouble: Trouble | None = None
    result: TryOnResult | None = None
    cards: tuple[ModelCard, ...] = ()


class PairWorker:
    """Does pairs of a batch, one after the other.

    Args:
        job: what they share. The models are loaded here, trained patterns when the
            first pair asks for them.

    Raises:
        MissingModel: a shipped model is not there.
    """

    def __init__(self, job: Job):
        self.job = job
        self.garments = GarmentCache()
        self.universal = job.models.load(None, None)
        self._pattern = lru_cache(PATTERNS)(self._load_pattern)

    def __call__(self, pair: Pair) -> Row:
        """Do one pair; returns its row of the manifest.

        Raises:
            TryOnError: the disk takes no more; the pair can be done again.
        """
        return self.write(self.dress(self.read(pair)))

    def read(self, pair: Pair) -> Work:
        """Read both pictures; those whose garment is known are not decoded again."""
        if pair.fault:
            sources = Source(pair.user), Source(pair.shop)
            return Work(pair, *sources, {}, Trouble("failed", *pair.fault))
        watch: dict[str, float] = {}
        with _timed(watch, "read"):
            user, shop = self._source(pair.user, "user"), self._source(pair.shop, "shop")
        refusal = user.refusal or shop.refusal
        return Work(pair, user, shop, watch, _refused(refusal) if refusal else None)

    def dress(self, work: Work) -> Work:
        """Run the networks."""
        if work.trouble:
            return work
        pipeline: TryOnPipeline | None = None
        try:
            pipeline = self._pipeline(work.pair.pattern)
            return self._dress(work, pipeline)
        except Refusal as refusal:
            trouble = _refused(refusal)
        except MissingModel as error:
            trouble = Trouble("failed", "missing_model", str(error))
        except MemoryError:
            said = "the pair takes more memory than there is; make its photos smaller"
            trouble = Trouble("failed", "out_of_memory", said)
        except Exception as error:  # a bug must not stop thousands of pairs: it is told
            _logger.exception("%s: cannot be done", work.pair.key)
            said = f"internal error ({type(error).__name__}); please report it"
            trouble = Trouble("failed", "internal_error", said)
        cards = pipeline.cards if pipeline else ()
        return replace(_without_photos(work), trouble=trouble, cards=cards)

    def write(self, work: Work) -> Row:
        """Write the result, if there is one; returns the pair's row.

        Raises:
            TryOnError: the disk takes no more.
        """
        output, watch = None, dict(work.seconds)
        path = self.job.out / work.pair.key
        with _timed(watch, "write"):
            data, work = _encode(work, path)
            if self.job.no_clobber and _is_other(path, data):
                return kept_row(work.pair, self.job)
            if data is not None:
                output, work = self._write(work, path, data)
        return {
            **_base_row(work.pair, self.job),
            "user": {"path": work.user.path, "sha256": work.user.sha256},
            "shop": {"path": work.shop.path, "sha256": work.shop.sha256},
            **_outcome(work, output),
            "models": [describe_model(card) for card in work.cards],
            "seconds": watch,
        }

    def _source(self, path: str, role: str) -> Source:
        try:
            sha256 = hash_photo(Path(path))
        except Refusal as refusal:
            return Source(path, refusal=refusal)
        if Key(sha256, path, role) in self.garments:
            return Source(path, sha256)
        try:
            photo = read_photo(Path(path))
        except Refusal as refusal:
            return Source(path, sha256, refusal=refusal)
        self._write_thumb(photo, sha256)
        return Source(path, sha256, photo)

    def _pipeline(self, pattern: str | None) -> TryOnPipeline:
        return self.universal if pattern is None else self._pattern(pattern)

    def _load_pattern(self, pattern: str) -> TryOnPipeline:
        return self.job.models.load(pattern, self.universal.segmenter)

    def _dress(self, work: Work, pipeline: TryOnPipeline) -> Work:
        timer = StageTimer()
        with timer("segment"):
            user, shop = (
                self.garments.find_garment(pipeline, _key(source, role), source.photo)
                for source, role in ((work.user, "user"), (work.shop, "shop"))
            )
        result = pipeline.dress(user, shop, self.job.options, timer)
        return replace(
            _without_photos(work),
            result=result,
            cards=pipeline.cards,
            seconds={**work.seconds, **timer.seconds},
        )

    def _write(
        self, work: Work, path: Path, data: bytes
    ) -> tuple[dict[str, Any] | None, Work]:
        """Write a result and its small copy; returns what the row tells of it."""
        assert work.result is not None
        sha256 = hashlib.sha256(data).hexdigest()
        try:
            write_whole(path, lambda file: file.write(data), durable=True)
        except TryOnError as error:
            if _stops(error):
                raise
            trouble = Trouble("failed", "unwritable_output", str(error))
            return None, replace(work, trouble=trouble, result=None)
        self._write_thumb(Photo(work.result.image), sha256)
        return {"file": path.name, "bytes": len(data), "sha256": sha256}, work

    def _write_thumb(self, photo: Photo, sha256: str) -> None:
        path = self.job.out / THUMBS / thumb_name(sha256)
        if not path.exists():
            data = encode_image(shrink(photo.image, THUMB_SIZE), path)
            write_whole(path, lambda file: file.write(data), durable=True)


def thumb_name(sha256: str) -> str:
    """Return the file name of the small copy of a picture."""
    return f"{sha256[:16]}.jpg"


def hash_photo(path: Path) -> str:
    """Return the SHA-256 of a picture file.

    Raises:
        Refusal: `unreadable_image`; devices and pipes, which may never end, too.
    """
    try:
        if stat.S_ISREG(path.stat().st_mode):
            return sha256_of(path)
        why = "it is no regular file"
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        why = str(getattr(error, "strerror", None) or error)
    raise Refusal("unreadable_image", f"{printable(path)}: {why}; check the path")


def kept_row(pair: Pair, job: Job) -> Row:
    """Return the row of a pair whose result was there before, and is left alone."""
    return {
        **_base_row(pair, job),
        "user": {"path": pair.user, "sha256": None},
        "shop": {"path": pair.shop, "sha256": None},
        "status": "kept",
        "reason": "output_exists",
        "message": f"{pair.key}: was there before; leave --no-clobber out to replace it",
        "output": None,
        "warnings": [],
        "scores": None,
        "models": [],
        "seconds": {},
    }


def _base_row(pair: Pair, job: Job) -> dict[str, Any]:
    return {
        "pair": pair.key,
        "pattern": pair.pattern,
        "force": job.options.force,
        "seed": job.options.seed,
        "version": __version__,
    }


def _outcome(work: Work, output: dict[str, Any] | None) -> dict[str, Any]:
    """Return what a row tells of the result, or of the trouble."""
    warnings: list[str] = []
    scores: dict[str, float] | None = None
    if work.trouble:
        status, reason, message = work.trouble
    else:
        assert work.result is not None
        report = work.result.report
        status, reason, message = "done", None, None
        warnings = list(report["warnings"])
        scores = {name: report[name] for name in SCORES}
    return {
        "status": status,
        "reason": reason,
        "message": message,
        "output": output,
        "warnings": warnings,
        "scores": scores,
    }


def _encode(work: Work, path: Path) -> tuple[bytes | None, Work]:
    """Return the result's file, or None and the work with what speaks against it."""
    if work.result is None:
        return None, work
    try:
        return encode_image(work.result.image, path, work.result.icc_profile), work
    except TryOnError as error:
        trouble = Trouble("failed", "unwritable_output", str(error))
        return None, replace(work, trouble=trouble, result=None)


def _is_other(path: Path, data: bytes | None) -> bool:
    """Tell whether another file than the result has its name already.

    The very file is there when a run was killed between writing it and its row.
    """
    return path.exists() and (data is None or path.read_bytes() != data)


def _key(source: Source, role: str) -> Key:
    assert source.sha256 is not None
    return Key(source.sha256, source.path, role)


def _refused(refusal: Refusal) -> Trouble:
    return Trouble("refused", refusal.reason, refusal.message)


def _without_photos(work: Work) -> Work:
    """Let go of the pixels: what waits to be written does not need them."""
    user, shop = work.user._replace(photo=None), work.shop._replace(photo=None)
    return replace(work, user=user, shop=shop)


def _stops(error: TryOnError) -> bool:
    return getattr(error.__cause__, "errno", None) in _STOPPING


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[stage] = round(time.perf_counter() - start, 4)
