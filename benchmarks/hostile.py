"""Requests that nobody means well: damaged, lying, huge, endless."""

import io
import random
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from PIL import Image

BOUNDARY = "x"
_DRESSED = 200  # one in so many may be a photo after all, and takes a second or two
_LARGE = 16_500  # pixels a side: as RGB 816 MB


@dataclass(frozen=True)
class Request:
    """A POST request.

    Attributes:
        path: of the API.
        content_type: as it is declared.
        body: of the request.
        declared: its length as declared; None: the true one.
    """

    path: str
    content_type: str
    body: bytes
    declared: int | None = None


def requests(count: int, good: bytes, seed: int = 0) -> Iterator[Request]:
    """Yield hostile requests, the same for a seed.

    Args:
        count: their number.
        good: a picture that could be used.
        seed: of what is drawn at random.
    """
    chance = random.Random(seed)
    bombs = {"png": png_bomb(), "gif": gif_bomb(), "webp": webp_bomb(), "bmp": bmp_bomb()}
    kinds: list[Callable[[], Request]] = [
        lambda: _pair(chance.randbytes(chance.randrange(4000)), good),
        lambda: _pair(good[: chance.randrange(len(good))], good),
        lambda: _pair(good, bombs[chance.choice(list(bombs))]),
        lambda: _pair(_flip(bombs["png"][:3000], chance), good),
        lambda: _pair(
            b"data:image/png;base64,!!", good, chance.choice(["user", "x" * 999])
        ),
        lambda: _damaged_form(good, chance),
        lambda: _json(chance),
        lambda: Request("/v1/tryon", chance.choice(["", "text/xml", "a" * 500]), good),
        lambda: Request("/v1/segment", _form_type(), b"--x\r\n", declared=10**12),
        lambda: _run(chance),
    ]
    for number in range(count):
        if number % _DRESSED == 0:
            yield _pair(_flip(good, chance), good)
        else:
            yield chance.choice(kinds)()


def png_bomb(side: int = _LARGE) -> bytes:
    """Return a PNG of few bytes that asks for many: a single colour, well compressed."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    packer = zlib.compressobj(9)
    row = bytes(1 + 3 * side)
    data = b"".join(packer.compress(row) for _ in range(64)) + packer.flush()
    chunks = [(b"IHDR", header), (b"IDAT", data), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body))
        + kind
        + body
        + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def gif_bomb() -> bytes:
    """Return a GIF that claims the largest size there is."""
    file = io.BytesIO()
    Image.new("P", (200, 200)).save(file, "GIF")
    data = bytearray(file.getvalue())
    data[6:10] = b"\xff\xff\xff\xff"
    return bytes(data)


def webp_bomb() -> bytes:
    """Return a WebP that claims the largest size there is."""
    flags = struct.pack("<I", 0x02) + (16383).to_bytes(3, "little") * 2
    body = b"WEBPVP8X" + struct.pack("<I", 10) + flags
    body += b"ANIM" + struct.pack("<I", 6) + bytes(6)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def bmp_bomb() -> bytes:
    """Return a BMP that claims 40,000 pixels a side."""
    info = struct.pack("<IiiHHIIiiII", 40, 40_000, 40_000, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + 99, 0, 0, 54) + info + bytes(99)


def _form_type() -> str:
    return f"multipart/form-data; boundary={BOUNDARY}"


def form(fields: dict[str, bytes]) -> bytes:
    """Return the body of a form with files."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="a"'
        "\r\n\r\n".encode()
        + data
        + b"\r\n"
        for name, data in fields.items()
    ]
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def _pair(user: bytes, shop: bytes, name: str = "user") -> Request:
    return Request("/v1/tryon", _form_type(), form({name: user, "shop": shop}))


def _flip(data: bytes, chance: random.Random) -> bytes:
    """Change a few bytes."""
    changed = bytearray(data)
    for _ in range(chance.randrange(1, 9)):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def _damaged_form(good: bytes, chance: random.Random) -> Request:
    body = bytearray(form({"user": good[:300], "shop": good[:300]}))
    for _ in range(chance.randrange(1, 30)):
        body[chance.randrange(len(body))] = chance.choice(b'\r\n-x:;"\0\xff')
    many = form({f"f{k}": b"" for k in range(500)})
    return Request("/v1/tryon", _form_type(), chance.choice([bytes(body), many]))


def _json(chance: random.Random) -> Request:
    bodies = [
        b"{",
        b"[" * 50_000,
        b'{"user": {}}',
        b'{"user": 1e999}',
        b"\xff\xfe",
        b"null",
    ]
    bodies += [b'{"user": "data:image/png;base64,' + b"A" * 9_999 + b'"}']
    return Request("/v1/tryon", "application/json", chance.choice(bodies))


def _run(chance: random.Random) -> Request:
    urls = ["http://127.0.0.1:1/", "http://169.254.169.254/", "file:///etc/passwd", "//x"]
    urls += [
        "http://[::1]/",
        "http://0/",
        "catalog:../../etc/passwd",
        "http://" + "a" * 999,
    ]
    url = chance.choice(urls)
    body = f'{{"model_image": "{url}", "garment_image": "{url}"}}'
    return Request("/v1/run", "application/json", body.encode())
