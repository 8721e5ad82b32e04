"""Read requests: multipart and JSON, within limits and in memory alone."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator
from typing import Any

from python_multipart.multipart import parse_options_header
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from tryon.web.config import ServeConfig
from tryon.web.errors import ApiError
from tryon.web.sources import too_large

Fields = dict[str, Any]  # text, numbers and the like; uploads are bytes
_MAX_FILES, _MAX_FIELDS = 4, 32
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("", "0", "false", "no", "off")


async def read_fields(request: Request, config: ServeConfig) -> Fields:
    """Return the fields of a multipart or JSON request.

    Raises:
        ApiError: `bad_request`, `too_large`, `unsupported_type` or `upload_timeout`.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > config.max_body:
        raise too_large(config)
    kind = parse_options_header(request.headers.get("content-type", ""))[0]
    try:
        async with asyncio.timeout(config.upload_seconds):
            if kind == b"multipart/form-data":
                return await _read_form(request, config)
            if kind == b"application/json":
                return _parse_json(b"".join([c async for c in _limited(request, config)]))
    except TimeoutError as error:
        line = f"the request took longer than {config.upload_seconds:g} s to arrive"
        raise ApiError("upload_timeout", line) from error
    except ClientDisconnect as error:
        raise ApiError("bad_request", "the request ended early") from error
    raise ApiError("unsupported_type", "expected multipart/form-data or application/json")


async def discard(request: Request, config: ServeConfig) -> None:
    """Read a request to its end and keep nothing.

    A client that still sends would lose the answer with the connection.
    """
    try:
        async with asyncio.timeout(config.upload_seconds):
            async for _ in _limited(request, config):
                pass
    except (TimeoutError, ClientDisconnect, ApiError):
        return


async def _limited(request: Request, config: ServeConfig) -> AsyncGenerator[bytes, None]:
    """Yield a request's chunks; what it declares of its length need not be true."""
    total = 0
    async for chunk in request.stream():
        total += len(chunk)
        if total > config.max_body:
            raise too_large(config)
        yield chunk


async def _read_form(request: Request, config: ServeConfig) -> Fields:
    parser = MultiPartParser(
        request.headers,
        _limited(request, config),
        max_files=_MAX_FILES,
        max_fields=_MAX_FIELDS,
        max_part_size=config.max_bytes * 4 // 3 + 1024,  # a data URL
    )
    parser.spool_max_size = sys.maxsize  # nothing is written to disk
    try:
        form = await parser.parse()
    except (MultiPartException, ValueError, KeyError) as error:
        line = getattr(error, "message", None) or str(error)
        raise ApiError("bad_request", f"the form is damaged ({line})") from error
    try:
        return {name: await _value(value) for name, value in form.multi_items()}
    finally:
        await form.close()


async def _value(value: str | UploadFile) -> str | bytes:
    return await value.read() if isinstance(value, UploadFile) else value


def _parse_json(body: bytes) -> Fields:
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ApiError("bad_request", "the JSON is damaged") from error
    if not isinstance(fields, dict):
        raise ApiError("bad_request", "expected a JSON object")
    return fields


def get_flag(fields: Fields, name: str) -> bool:
    """Return a field that is true or false; false where it is missing.

    Raises:
        ApiError: `bad_request`.

    Example:
        >>> get_flag({"force": "1"}, "force"), get_flag({}, "force")
        (True, False)
    """
    value = fields.get(name, "")
    text = (str(value) if isinstance(value, bool) else _text(name, value)).lower()
    if text not in _TRUE + _FALSE:
        raise ApiError("bad_request", f"{name}: expected true or false")
    return text in _TRUE


def get_number(fields: Fields, name: str) -> int | None:
    """Return a field that is a whole number of 0 and more; None where it is missing.

    Raises:
        ApiError: `bad_request`.
    """
    text = get_text(fields, name)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):
        raise ApiError("bad_request", f"{name}: expected a number, 0 or more")
    return int(text)


def get_text(fields: Fields, name: str) -> str | None:
    """Return a field as text; None where it is missing or empty.

    Raises:
        ApiError: `bad_request`: it is an upload, a list or the like.
    """
    return _text(name, fields.get(name, "")) or None


def get_source(fields: Fields, name: str) -> bytes | str | None:
    """Return a field that names a picture, see `Sources.load`; None where it is missing.

    Raises:
        ApiError: `bad_request`.
    """
    value = fields.get(name)
    return value if isinstance(value, bytes) else get_text(fields, name)


def _text(name: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bytes | bool) or not isinstance(value, str | int):
        raise ApiError("bad_request", f"{name}: expected text")
    return str(value).strip()
