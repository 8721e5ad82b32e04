"""Do one pair of a batch: read, dress, write, and a manifest row whatever happens.

The three steps are separate so that those of neighbouring pairs overlap (`run_here`).
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

from tryon._version import __version__
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
THUMB_SIZE = 320  # longest side in pixels: sharp on a phone, three in a row
MAX_PATTERNS = 4  # trained patterns that are kept loaded
SCORES = (
    "score",
    "warp_distortion",
    "landmark_distance",
    "style_distance",
    "seam_energy",
)
# Errors that every later pair would meet too: the batch stops, and can be resumed.
_FATAL_ERRNOS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EFBIG)
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """Settings that all pairs of a batch share."""

    out: Path  # folder of the results
    models: Models = field(default_factory=ShippedModels)
    seed: int = 0
    no_clobber: bool = False  # leave existing results alone


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


class Failure(NamedTuple):
    """Why a pair has no result."""

    status: str  # "refused", "failed" or "skipped"
    reason: str
    message: str


@dataclass(frozen=True)
class Work:
    """A pair being done: each step fills in its part."""

    pair: Pair
    user: Source
    shop: Source
    seconds: Mapping[str, float]
    failure: Failure | None = None
    result: TryOnResult | None = None
    cards: tuple[ModelCard, ...] = ()


class PairWorker:
    """Does pairs of a batch, one after the other.

    Args:
        job: settings that all pairs share. The models are loaded here, trained
            patterns when the first pair needs them.

    Raises:
        MissingModel: a shipped model is not there.
    """

    def __init__(self, job: Job):
        self.job = job
        self.garments = GarmentCache()
        self.universal = job.models.load(None, None)
        self._pattern = lru_cache(MAX_PATTERNS)(self._load_pattern)

    def __call__(self, pair: Pair) -> Row:
        """Do one pair; returns its row of the manifest.

        Raises:
            TryOnError: the disk is full; the pair can be done again.
        """
        return self.write(self.dress(self.read(pair)))

    def read(self, pair: Pair) -> Work:
        """Read both pictures; those whose garment is cached are not decoded again."""
        if pair.fault:
            sources = Source(pair.user), Source(pair.shop)
            reason, message, status = pair.fault
            return Work(pair, *sources, {}, Failure(status, reason, message))
        seconds: dict[str, float] = {}
        with _timed(seconds, "read"):
            user = self._source(pair.user, "user", pair.instance)
            shop = self._source(pair.shop, "shop")
        refusal = user.refusal or shop.refusal
        failure = _refused(refusal) if refusal else None
        return Work(pair, user, shop, seconds, failure)

    def dress(self, work: Work) -> Work:
        """Run the networks."""
        if work.failure:
            return work
        pipeline: TryOnPipeline | None = None
        try:
            pipeline = self._pipeline(work.pair.pattern)
            return self._dress(work, pipeline)
        except Refusal as refusal:
            failure = _refused(refusal)
        except MissingModel as error:
            failure = Failure("failed", "missing_model", str(error))
        except MemoryError:
            message = "the pair takes more memory than there is; make its photos smaller"
            failure = Failure("failed", "out_of_memory", message)
        except Exception as error:  # a bug must not stop thousands of pairs
            _logger.exception("%s: cannot be done", work.pair.key)
            message = f"internal error ({type(error).__name__}); please report it"
            failure = Failure("failed", "internal_error", message)
        cards = pipeline.cards if pipeline else ()
        return replace(_without_photos(work), failure=failure, cards=cards)

    def write(self, work: Work) -> Row:
        """Write the result, if there is one; returns the pair's row.

        Raises:
            TryOnError: the disk is full.
        """
        output, seconds = None, dict(work.seconds)
        path = self.job.out / work.pair.key
        with _timed(seconds, "write"):
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
            "seconds": seconds,
        }

    def _source(self, path: str, role: str, instance: int | None = None) -> Source:
        try:
            sha256 = hash_photo(Path(path))
        except Refusal as refusal:
            return Source(path, refusal=refusal)
        if Key(sha256, path, role, instance) in self.garments:
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
                self.garments.find_garment(pipeline, key, source.photo)
                for source, key in (
                    (work.user, _key(work.user, "user", work.pair.instance)),
                    (work.shop, _key(work.shop, "shop")),
                )
            )
        pair = work.pair
        options = Options(pair.force, pair.instance, self.job.seed)
        result = pipeline.dress(user, shop, options, timer)
        return replace(
            _without_photos(work),
            result=result,
            cards=pipeline.cards,
            seconds={**work.seconds, **timer.seconds},
        )

    def _write(
        self, work: Work, path: Path, data: bytes
    ) -> tuple[dict[str, Any] | None, Work]:
        """Write a result and its thumbnail; returns the row's facts of it."""
        assert work.result is not None
        sha256 = hashlib.sha256(data).hexdigest()
        try:
            write_whole(path, lambda file: file.write(data), durable=True)
        except TryOnError as error:
            if _is_fatal(error):
                raise
            failure = Failure("failed", "unwritable_output", str(error))
            return None, replace(work, failure=failure, result=None)
        self._write_thumb(Photo(work.result.image), sha256)
        return {"file": path.name, "bytes": len(data), "sha256": sha256}, work

    def _write_thumb(self, photo: Photo, sha256: str) -> None:
        path = self.job.out / THUMBS / thumb_name(sha256)
        if not path.exists():
            data = encode_image(shrink(photo.image, THUMB_SIZE), path)
            write_whole(path, lambda file: file.write(data), durable=True)


def thumb_name(sha256: str) -> str:
    """Return the file name of a picture's thumbnail."""
    return f"{sha256[:16]}.jpg"


def hash_photo(path: Path) -> str:
    """Return the SHA-256 of a picture file.

    Raises:
        Refusal: `unreadable_image`; devices and pipes, which may never end, too.
    """
    try:
        if stat.S_ISREG(path.stat().st_mode):
            return sha256_of(path)
        why = "it is not a regular file"
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        why = str(getattr(error, "strerror", None) or error)
    raise Refusal("unreadable_image", f"{printable(path)}: {why}; check the path")


def kept_row(pair: Pair, job: Job) -> Row:
    """Return the row of a pair whose existing result is left alone."""
    return {
        **_base_row(pair, job),
        "user": {"path": pair.user, "sha256": None},
        "shop": {"path": pair.shop, "sha256": None},
        "status": "kept",
        "reason": "output_exists",
        "message": f"{pair.key}: exists already; leave out --no-clobber to replace it",
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
        "instance": pair.instance,
        "force": pair.force,
        "seed": job.seed,
        "version": __version__,
    }


def _outcome(work: Work, output: dict[str, Any] | None) -> dict[str, Any]:
    """Return a row's part about the result, or about the failure."""
    warnings: list[str] = []
    scores: dict[str, float] | None = None
    if work.failure:
        status, reason, message = work.failure
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
    """Encode the result; without one, or where it fails, the bytes are None."""
    if work.result is None:
        return None, work
    try:
        return encode_image(work.result.image, path, work.result.icc_profile), work
    except TryOnError as error:
        failure = Failure("failed", "unwritable_output", str(error))
        return None, replace(work, failure=failure, result=None)


def _is_other(path: Path, data: bytes | None) -> bool:
    """Tell whether another file than the result has its name already.

    The result itself is there when a run was killed before it wrote the row.
    """
    return path.exists() and (data is None or path.read_bytes() != data)


def _key(source: Source, role: str, instance: int | None = None) -> Key:
    assert source.sha256 is not None
    return Key(source.sha256, source.path, role, instance)


def _refused(refusal: Refusal) -> Failure:
    return Failure("refused", refusal.reason, refusal.message)


def _without_photos(work: Work) -> Work:
    """Free the photos' pixels, which writing does not need."""
    user, shop = work.user._replace(photo=None), work.shop._replace(photo=None)
    return replace(work, user=user, shop=shop)


def _is_fatal(error: TryOnError) -> bool:
    return getattr(error.__cause__, "errno", None) in _FATAL_ERRNOS


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[stage] = round(time.perf_counter() - start, 4)
