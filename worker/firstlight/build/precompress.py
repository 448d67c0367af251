"""Compresses what is text while building, so that no request has to."""

from __future__ import annotations

import gzip
from importlib import import_module
from importlib.util import find_spec
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from firstlight.server.static import ENCODINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from firstlight.build.adapter import File

SUFFIXES = (
    *(".css", ".csv", ".html", ".js", ".json", ".map", ".md", ".mjs", ".svg", ".txt", ".wasm"),
    *(".ico", ".ttf", ".webmanifest", ".xml"),
)
LEAST = 1024  # bytes; less is not worth a header
LEAST_SAVED = 0.1  # of the size
BROTLI_QUALITY = 9  # the best ones take ten times as long for a few percent


def compressed_files(files: Iterable[File], client: Path) -> Iterator[File]:
    """Yield `name.gz`, and `name.br` where the package `brotli` is installed, of what is text.

    Args:
        files: Path and content of everything that is served.
        client: The last build's `dist/client/`: what is the same there was compressed before.
    """
    known = dict(files)
    for name, content in known.items():
        if PurePosixPath(name).suffix not in SUFFIXES or len(content) < LEAST:
            continue
        is_same = _read(client / name) == content
        for suffix, compress in _COMPRESSORS.items():
            if name + suffix in known:
                continue
            packed = _read(client / (name + suffix)) if is_same else None
            packed = packed or compress(content)
            if len(packed) < len(content) * (1 - LEAST_SAVED):
                yield name + suffix, packed


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _gzip(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def _brotli(content: bytes) -> bytes:
    module: Any = import_module("brotli")  # by name: it has no types
    return module.compress(content, quality=BROTLI_QUALITY)


_COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {ENCODINGS["gzip"]: _gzip}
if find_spec("brotli") is not None:
    _COMPRESSORS[ENCODINGS["br"]] = _brotli
