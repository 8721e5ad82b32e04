"""The routes of the page and the API: start reading here.

    request -- guard -- bodies -- sources -- jobs -- dresser -- answer

`Api.app` gives an ASGI application. It writes nothing, and what it remembers of a
request is in memory alone, and forgotten after a while.
"""

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from tryon._version import __version__
from tryon.errors import Refusal
from tryon.pipeline import OnStage, Options
from tryon.web.bodies import (
    Fields,
    discard,
    get_flag,
    get_number,
    get_source,
    get_text,
    read_fields,
)
from tryon.web.catalog import Catalog
from tryon.web.config import ServeConfig
from tryon.web.dresser import TYPES, Dressed, Dresser, Order
from tryon.web.errors import ApiError, describe
from tryon.web.guard import Guard
from tryon.web.jobs import Job, Jobs, Slot, Work, timed_out
from tryon.web.metrics import MEDIA_TYPE, Metrics
from tryon.web.pages import page_routes
from tryon.web.sources import Picture, Sources

LINES = "application/x-ndjson"
_LOOK_EVERY = 0.1  # seconds between two looks at a job
_SWEEP_EVERY = 20.0  # seconds between two looks at what may be forgotten
_MAX_CATALOG_ROWS = 500
_logger = logging.getLogger(__name__)


class Api:
    """The routes of the page and the API; `app` makes an ASGI application of them.

    Args:
        dresser: does the work, its pipeline loaded.
        catalog: the shop's pictures.
        config: limits, and who may ask.

    Attributes:
        jobs: what waits and runs.
    """

    def __init__(self, dresser: Dresser, catalog: Catalog, config: ServeConfig):
        self._dresser, self._catalog, self._config = dresser, catalog, config
        self._sources = Sources(catalog, config)
        self._tasks: set[asyncio.Task[None]] = set()
        self.jobs = Jobs(config)
        self.metrics = Metrics(
            {
                "tryon_queue_jobs": lambda: float(self.jobs.taken),
                "tryon_queue_limit": lambda: float(config.max_queue),
                "tryon_garments": lambda: float(len(dresser.garments)),
            }
        )

    def app(self) -> ASGIApp:
        """Return the application, with all that guards it."""
        routes = [
            Route("/v1/tryon", self.tryon, methods=["POST"]),
            Route("/v1/run", self.run, methods=["POST"]),
            Route("/v1/status/{id}", self.status),
            Route("/v1/cancel/{id}", self.cancel, methods=["POST"]),
            Route("/v1/results/{id}", self.result),
            Route("/v1/segment", self.segment, methods=["POST"]),
            Route("/v1/catalog", self.catalog),
            Route("/v1/catalog/{id}", self.catalog_picture),
            Route("/healthz", self.health),
            Route("/metrics", self.show_metrics),
            *page_routes(),
        ]
        cors = Middleware(
            CORSMiddleware,
            allow_origins=self._config.origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "Accept"],
        )
        handlers: dict[Any, Callable[..., Any]] = {
            ApiError: _explain,
            Refusal: _explain,
            HTTPException: _explain_http,
            Exception: _explain_bug,
        }
        starlette = Starlette(
            routes=routes,
            middleware=[cors] if self._config.origins else [],
            exception_handlers=handlers,
            lifespan=self._lifespan,
        )
        return Guard(starlette, self._config, self.metrics)

    # === Routes ===

    async def tryon(self, request: Request) -> Response:
        """Dress one person and wait: a PNG, JSON, or a line of JSON at each step."""
        slot = await self._reserve(request)
        with _released(slot):
            fields = await read_fields(request, self._config)
            order = await self._order(fields, "user", "shop")
            job = self.jobs.create(slot)
            self._submit(job, partial(self._dresser.dress, order))
        accepted = request.headers.get("accept", "")
        if LINES in accepted:
            headers = {"X-Accel-Buffering": "no"}  # proxies shall pass lines on at once
            stream = self._stream(job)
            return StreamingResponse(stream, media_type=LINES, headers=headers)
        dressed = await self._wait(request, job)
        if order.artifacts or "application/json" in accepted:
            return JSONResponse(as_json(dressed))
        return Response(dressed.image, media_type=dressed.media_type)

    async def run(self, request: Request) -> Response:
        """Begin a try-on; its id is for `status`."""
        slot = await self._reserve(request)
        with _released(slot):
            fields = await read_fields(request, self._config)
            inner = fields.get("inputs", fields)
            if not isinstance(inner, dict):
                raise ApiError("bad_request", "inputs: expected an object")
            _require(inner, "model_image")
            _require(inner, "garment_image")
            job = self.jobs.create(slot)
            job.as_data_url = get_flag(inner, "return_base64")
            self.jobs.keep(job)
            task = asyncio.create_task(self._begin(job, inner))
        self._tasks.add(task)
        task.add_done_callback(partial(self._end, job))
        return JSONResponse({"id": job.id, "error": None})

    async def status(self, request: Request) -> Response:
        """Tell how far a try-on is; with its result once it is done."""
        job = self.jobs.find(request.path_params["id"])
        values = {"id": job.id, **self._progress(job), "output": None, "error": None}
        if values["status"] == "failed":
            values["error"] = _error_of(job)
        elif values["status"] == "completed":
            done: Dressed = job.future.result()
            ending = done.media_type.partition("/")[2]
            link = f"{request.base_url}v1/results/{job.id}.{ending}"
            job.is_fetched |= job.as_data_url
            values["output"] = [as_json(done)["image"] if job.as_data_url else link]
            values["score"] = done.report["score"]
            values["warnings"] = done.report["warnings"]
        return JSONResponse(values)

    async def cancel(self, request: Request) -> Response:
        """End a try-on: at once where it waits, else before its next stage."""
        job = self.jobs.find(request.path_params["id"])
        job.cancel()
        return JSONResponse({"id": job.id, "status": job.status})

    async def result(self, request: Request) -> Response:
        """Return the picture of a try-on that is done."""
        job = self.jobs.find(request.path_params["id"].partition(".")[0])
        if job.status != "completed":
            raise ApiError("not_found", "this try-on has no picture")
        done: Dressed = job.future.result()
        job.is_fetched = True
        return Response(done.image, media_type=done.media_type)

    async def segment(self, request: Request) -> Response:
        """Detect the garments of a photo: JSON, or the cut-out or its matte as PNG."""
        slot = await self._reserve(request)
        with _released(slot):
            fields = await read_fields(request, self._config)
            source = _require(fields, "photo")
            output = get_text(fields, "output") or "json"
            if output not in ("json", "cutout", "mask"):
                raise ApiError("bad_request", "output: expected json, cutout or mask")
            instance = get_number(fields, "instance")
            picture = await self._load(source, "user")
            job = self.jobs.create(slot)
            work = partial(_segment, self._dresser, picture, instance, output)
            self._submit(job, work)
        facts, image = await self._wait(request, job)
        if image is None:
            return JSONResponse(facts)
        return Response(image, media_type="image/png")

    async def catalog(self, request: Request) -> Response:
        """List pictures of the shop."""
        query = dict(request.query_params)
        first = get_number(query, "offset") or 0
        count = get_number(query, "limit")
        count = _MAX_CATALOG_ROWS if count is None else min(count, _MAX_CATALOG_ROWS)
        words = (get_text(query, "q") or "").casefold().split()
        found = [
            item
            for item in self._catalog.items
            if all(word in item.name.casefold() for word in words)
        ]
        rows = [
            {"id": item.id, "name": item.name, "picture": f"/v1/catalog/{item.id}"}
            for item in found[first : first + count]
        ]
        are_samples = self._catalog.are_samples
        return JSONResponse({"total": len(found), "samples": are_samples, "items": rows})

    async def catalog_picture(self, request: Request) -> Response:
        """Return a picture of the shop, small, as JPEG."""
        data = await asyncio.to_thread(self._catalog.thumb, request.path_params["id"])
        return Response(data, media_type="image/jpeg")

    async def health(self, request: Request) -> Response:
        """Tell that the server takes work, or why not."""
        if self.jobs.is_closing:
            raise ApiError("stopping", "the server is stopping")
        limits = {
            "max_bytes": self._config.max_bytes,
            "max_pixels": self._config.max_pixels,
        }
        return JSONResponse({"status": "ok", "version": __version__, **limits})

    async def show_metrics(self, request: Request) -> Response:
        """Return the counters."""
        return Response(self.metrics.render(), headers={"Content-Type": MEDIA_TYPE})

    # === Steps ===

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """Forget from time to time; at the end finish what runs."""
        sweeper = asyncio.create_task(self._sweep())
        try:
            yield
        finally:
            sweeper.cancel()
            await asyncio.to_thread(self.jobs.close)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_EVERY)
            self.jobs.sweep()
            self._dresser.garments.sweep()

    async def _reserve(self, request: Request) -> Slot:
        try:
            return self.jobs.reserve()
        except ApiError:
            await discard(request, self._config)
            raise

    async def _order(self, fields: Fields, user: str, shop: str) -> Order:
        """Return what a request asks for, its pictures fetched."""
        pattern, force = get_text(fields, "pattern"), get_flag(fields, "force")
        options = Options(force=force, instance=get_number(fields, "instance"))
        artifacts, format = get_flag(fields, "artifacts"), _format(fields)
        sources = {"user": _require(fields, user)}
        if pattern is None or get_source(fields, shop) is not None:
            sources["shop"] = _require(fields, shop)
        loads = [self._load(source, role) for role, source in sources.items()]
        pictures = dict(zip(sources, await asyncio.gather(*loads), strict=True))
        shop_picture = pictures.get("shop")
        return Order(pictures["user"], shop_picture, options, pattern, artifacts, format)

    async def _begin(self, job: Job, fields: Fields) -> None:
        """Fetch the pictures of a job, then let it wait for its turn."""
        order = await self._order(fields, "model_image", "garment_image")
        self._submit(job, partial(self._dresser.dress, order))

    def _end(self, job: Job, task: asyncio.Task[None]) -> None:
        """Fail a job whose pictures could not be fetched."""
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.jobs.fail(job, error)

    async def _load(self, source: bytes | str, role: str) -> Picture:
        try:
            return await asyncio.to_thread(self._sources.load, source, role)
        except Refusal as refusal:
            self.metrics.count_refusal(refusal.reason)
            raise

    def _submit(self, job: Job, work: Work) -> None:
        job.future.add_done_callback(self._count)
        self.jobs.submit(job, work)

    def _count(self, future: Future[Any]) -> None:
        """Count what came of a job."""
        if future.cancelled():
            return
        error = future.exception()
        if isinstance(error, Refusal):
            self.metrics.count_refusal(error.reason)
        elif error is None and isinstance(future.result(), Dressed):
            self.metrics.count_seconds(future.result().report["seconds"])

    async def _wait(self, request: Request, job: Job) -> Any:
        """Return a job's result; ends the job when its client goes away.

        Raises:
            Refusal, ApiError: it has none.
        """
        try:
            async for _ in self._watch(job):
                if await request.is_disconnected():
                    raise ApiError("cancelled", "the client went away")
        finally:
            job.cancel()  # nothing, where it is done
        if job.future.cancelled():
            raise _cancelled()
        return job.future.result()

    async def _watch(self, job: Job) -> AsyncIterator[None]:
        """Wait until a job is done; yields from time to time.

        Raises:
            ApiError: `timeout`.
        """
        waiter = asyncio.wrap_future(job.future)
        waiter.add_done_callback(lambda done: done.cancelled() or done.exception())
        loop = asyncio.get_running_loop()
        while not job.future.done():
            yield
            await asyncio.wait({waiter}, timeout=_LOOK_EVERY)
            if not job.future.done() and loop.time() > job.deadline + 1:
                raise timed_out()

    async def _stream(self, job: Job) -> AsyncIterator[str]:
        """Yield a line of JSON whenever a job's progress changes, the result last."""
        told = None
        try:
            async for _ in self._watch(job):
                progress = self._progress(job)
                if progress != told:
                    told = progress
                    yield json.dumps(progress) + "\n"
            yield json.dumps(self._last_line(job)) + "\n"
        except ApiError as error:
            yield json.dumps({"status": "failed", "error": _named(error)}) + "\n"
        finally:
            job.cancel()

    def _last_line(self, job: Job) -> dict[str, Any]:
        if job.status == "failed":
            return {"status": "failed", "error": _error_of(job)}
        return {**as_json(job.future.result()), "status": "completed"}

    def _progress(self, job: Job) -> dict[str, Any]:
        status = job.status
        if status == "processing":
            return {"status": status, "stage": job.stage or "segment"}
        if status == "in_queue":
            return {"status": status, "position": self.jobs.position(job)}
        return {"status": status}


def _error_of(job: Job) -> dict[str, str]:
    """Return name and message of what ended a job."""
    if job.future.cancelled():
        return _named(_cancelled())
    error = job.future.exception()
    if isinstance(error, Refusal | ApiError):
        return _named(error)
    _logger.error("a try-on failed", exc_info=error)
    return _named(_bug(error))


def _named(error: ApiError | Refusal) -> dict[str, str]:
    values = describe(error)[1]
    return {"name": values["error"], "message": values["message"]}


def _cancelled() -> ApiError:
    return ApiError("cancelled", "the try-on was cancelled")


def _bug(error: BaseException | None) -> ApiError:
    if isinstance(error, MemoryError):
        return ApiError("too_large", "the pair takes too much memory; use smaller photos")
    kind = type(error).__name__
    return ApiError("internal_error", f"a bug of tryon ({kind}); please report it")


async def _explain(request: Request, error: Any) -> Response:
    """Answer with an error of a known name."""
    status, values = describe(error)
    seconds = getattr(error, "retry_after", None)
    headers = {} if seconds is None else {"Retry-After": str(seconds)}
    return JSONResponse(values, status, headers)


async def _explain_http(request: Request, error: Any) -> Response:
    """Answer where no route fits."""
    name = "method_not_allowed" if error.status_code == 405 else "not_found"
    message = f"no {request.method} {request.url.path}; see /openapi.json"
    return await _explain(request, ApiError(name, message))


async def _explain_bug(request: Request, error: Any) -> Response:
    return await _explain(request, _bug(error))


@contextmanager
def _released(slot: Slot) -> Iterator[None]:
    """Release a place of the queue when its request comes to nothing."""
    try:
        yield
    except BaseException:
        slot.release()
        raise


def _require(fields: Fields, name: str) -> bytes | str:
    source = get_source(fields, name)
    if source is None:
        raise ApiError("bad_request", f"the field {name} is missing; send a picture")
    return source


def _format(fields: Fields) -> str:
    name = (get_text(fields, "output_format") or "png").lower()
    name = "jpeg" if name == "jpg" else name
    if name not in TYPES:
        raise ApiError("bad_request", f"output_format: expected {', '.join(TYPES)}")
    return name


def _segment(
    dresser: Dresser,
    picture: Picture,
    instance: int | None,
    output: str,
    on_stage: OnStage,
) -> tuple[dict[str, Any], bytes | None]:
    """Segment a photo; returns its facts, and the picture that was asked for."""
    on_stage("segment")
    segmented = dresser.segment(picture, instance)
    draw = {"json": lambda: None, "cutout": segmented.cutout, "mask": segmented.mask}
    return dict(segmented.facts), draw[output]()


def as_json(dressed: Dressed) -> dict[str, Any]:
    """Return a try-on as plain values: the report, and pictures as data URLs."""
    layers = {name: _as_data_url(png) for name, png in dressed.layers.items()}
    image = _as_data_url(dressed.image, dressed.media_type)
    return {**dressed.report, "image": image, "layers": layers}


def _as_data_url(data: bytes, media_type: str = "image/png") -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"
