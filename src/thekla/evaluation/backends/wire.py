"""Length-prefixed JSON between the engine and its workers; both are trusted, and nothing is pickled."""

from __future__ import annotations

import json
import struct
from typing import BinaryIO

from thekla.core.values import Data, canonical

__all__ = ["read_message", "write_message"]

_HEADER = struct.Struct(">I")


def write_message(stream: BinaryIO, message: Data) -> None:
    """Send a message whole.

    Raises:
        OSError: The other side is gone.
    """
    body = canonical(message)
    stream.write(_HEADER.pack(len(body)) + body)
    stream.flush()


def read_message(stream: BinaryIO) -> Data:
    """The next message.

    Raises:
        EOFError: The other side closed, perhaps in the middle of a message.
    """
    header = stream.read(_HEADER.size)
    if len(header) < _HEADER.size:
        raise EOFError("no further message")
    (size,) = _HEADER.unpack(header)
    body = stream.read(size)
    if len(body) < size:
        raise EOFError(f"message broke off after {len(body)} of {size} bytes")
    message: Data = json.loads(body.decode("utf-8", errors="surrogatepass"))
    return message
