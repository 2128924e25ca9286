"""A web server on this machine that serves bytes, resumes, and breaks off as it is told to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Served:
    """What is served, and what was asked for.

    Args:
        cut: The next answer ends after so many bytes of its body; 0 for none.
        resumes: Whether it understands `Range`.
    """

    content: bytes
    cut: int = 0
    resumes: bool = True
    status: int = 200
    ranges: list[str] = field(default_factory=list)


@contextmanager
def serving(served: Served) -> Iterator[str]:
    """The address of a server that lives as long as the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range", "")
            served.ranges.append(wanted)
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and served.resumes else 0
            if start and start >= len(served.content):
                self.send_response(416)
                self.end_headers()
                return
            body = served.content[start:]
            self.send_response(206 if start else served.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            cut, served.cut = served.cut, 0
            self.wfile.write(body[: cut or len(body)])

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/data"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
