"""Getting public files: resumable, checked by SHA-256, and put in place at once or not at all."""

from __future__ import annotations

import hashlib
import http.client
import os
import tarfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path

from thekla.core.errors import ProblemError

from .catalogue import Dataset
from .conversion import RECIPES
from .finding import cache_folder, digest_file, read, with_digest

__all__ = ["FetchError", "fetch"]

_TIMEOUT_S = 30.0
_CHUNK_BYTES = 1 << 16
_PARTIAL, _BAD_RANGE = 206, 416
_GZIP = b"\x1f\x8b"


class FetchError(ProblemError):
    """A public file cannot be had from where it was looked for."""


def fetch(wanted: Dataset, folder: Path | None = None, *, source: str = "") -> Path:
    """Get a file into `folder`, the user's cache unless another is named; returns where it lies.

    What was loaded before an interruption is kept and not loaded again. A file that is there already stays as it is.
    Where the catalogue knows no digest, that of the first fetch is kept beside the file and holds from then on.

    Args:
        source: An address or a file to take the content from (compressed if the name ends with .gz) instead of the
            public source; the digest must be the same.

    Raises:
        FetchError: There is no public source, it cannot be reached, or what it serves has another digest.
        OSError: The folder cannot be written.
    """
    target = (folder or cache_folder()) / wanted.name
    wanted = with_digest(wanted, target)
    if _is_whole(wanted, target):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    content = _content(wanted, target, source)
    if objection := wanted.objection(content):
        raise FetchError(
            f"{source or wanted.url or wanted.archive} does not serve {wanted.name!r} any more: {objection}; "
            f"get it from {wanted.source}, and run: thekla data fetch {wanted.name} --from FILE"
        )
    if not wanted.sha256:
        _put(hashlib.sha256(content).hexdigest().encode(), digest_file(target))
    _put(wanted.stored(content), target)
    return target


def _is_whole(wanted: Dataset, target: Path) -> bool:
    try:
        return target.is_file() and not wanted.objection(read(wanted, target))
    except ProblemError:  # damaged, which fetching mends
        return False


def _content(wanted: Dataset, target: Path, source: str) -> bytes:
    if source and not _is_address(source):
        return _given(wanted, Path(source).expanduser())
    address = source or wanted.url or wanted.archive
    if not address:
        raise FetchError(
            f"no public place serves {wanted.name!r} in this form (it comes from {wanted.source}); "
            f"if you have a copy, run: thekla data fetch {wanted.name} --from FILE"
        )
    part = target.with_name(target.name + ".part")
    load(address, part)
    try:
        return _converted(wanted, part) if address == wanted.archive else _given(wanted, part)
    finally:
        part.unlink()


def _converted(wanted: Dataset, archive: Path) -> bytes:
    try:
        return RECIPES[wanted.recipe](archive)
    except tarfile.TarError as error:
        raise FetchError(f"{wanted.archive} serves no tar file ({error}); get it from {wanted.source}") from error


def _given(wanted: Dataset, file: Path) -> bytes:
    """The content of a copy: as published, or compressed as the catalogue stores it."""
    try:
        stored = file.read_bytes()
    except OSError as error:
        raise FetchError(f"{file} cannot be read: {error.strerror or error}") from error
    return read(wanted, file) if wanted.is_compressed and stored.startswith(_GZIP) else stored


def _is_address(source: str) -> bool:
    return "://" in source


def load(address: str, part: Path) -> None:
    """Load an address into the file `part`, after what is in it already.

    Raises:
        FetchError: The address is no https address (http is for this machine only), or cannot be reached.
    """
    url = urllib.parse.urlsplit(address)
    if url.scheme != "https" and url.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise FetchError(f"{address} is not loaded over https; name an https address, or a file of your own")
    have = part.stat().st_size if part.is_file() else 0
    request = urllib.request.Request(address, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
            resumed = have > 0 and answer.status == _PARTIAL
            with part.open("ab" if resumed else "wb") as out:
                _copy(answer, out.write)
                out.flush()
                os.fsync(out.fileno())
    except urllib.error.HTTPError as error:
        if error.code == _BAD_RANGE and have:  # all of it is there already
            return
        raise FetchError(f"{address} answers {error.code} {error.reason}; try again later, or use --from") from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise FetchError(
            f"{address} cannot be reached ({reason}); run the same command again when you are online (what was "
            "loaded is kept), or use --from with a copy of the file"
        ) from error


def _copy(answer: http.client.HTTPResponse, write: Callable[[bytes], object]) -> None:
    expected = answer.headers.get("Content-Length")
    loaded = 0
    while chunk := answer.read(_CHUNK_BYTES):
        write(chunk)
        loaded += len(chunk)
    if expected is not None and loaded < int(expected):
        raise http.client.IncompleteRead(b"", int(expected) - loaded)


def _put(stored: bytes, target: Path) -> None:
    """Write beside the target, then rename: another process sees the whole file or none."""
    fresh = target.with_name(f"{target.name}.{os.getpid()}.new")
    try:
        with fresh.open("wb") as out:
            out.write(stored)
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)
