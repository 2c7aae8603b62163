"""A hub on loopback: what huggingface_hub asks of the real one, answered from a folder, with faults on demand.

The client sends HEAD and GET to /REPOSITORY/resolve/REVISION/FILE and reads ETag, X-Repo-Commit, Content-Length and
Accept-Ranges. A download goes on with `Range: bytes=N-`.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """`files` by (repository, name). Use as a context manager; `url` goes into HF_ENDPOINT."""

    files: dict[tuple[str, str], bytes]
    cut_after: int | None = None  # a GET of more bytes than this stops there
    cuts: int = 1  # so many times
    spoil: bool = False  # send other bytes of the same length than the ETag promises
    broken: int | None = None  # answer everything with this status
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)  # method, path, Range

    def __enter__(self) -> Hub:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                hub.answer(self, body=False)

            def do_GET(self) -> None:
                hub.answer(self, body=True)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.server.shutdown()
        self.server.server_close()

    def gets(self) -> list[tuple[str, str | None]]:
        """Path and Range of the downloads so far."""
        return [(path, wanted) for method, path, wanted in self.requests if method == "GET"]

    def answer(self, request: BaseHTTPRequestHandler, body: bool) -> None:
        path = request.path.partition("?")[0]
        wanted = request.headers.get("Range")
        self.requests.append((request.command, path, wanted))
        repository, _, rest = path.strip("/").partition("/resolve/")
        name = rest.partition("/")[2]
        content = self.files.get((repository, name))
        if self.broken:
            return self._refuse(request, self.broken, "")
        if content is None:
            known = any(repository == there for there, _ in self.files)
            return self._refuse(request, 404, "EntryNotFound" if known else "RepoNotFound")
        start = int(wanted.removeprefix("bytes=").partition("-")[0]) if wanted else 0
        part = content[start:]
        request.send_response(206 if wanted else 200)
        request.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        request.send_header("X-Repo-Commit", COMMIT)
        request.send_header("Accept-Ranges", "bytes")
        request.send_header("Content-Length", str(len(part)))
        if wanted:
            request.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        if self.cut_after is not None and self.cuts and body and len(part) > self.cut_after:
            part, self.cuts = part[: self.cut_after], self.cuts - 1
            request.close_connection = True
        request.end_headers()
        if body:
            request.wfile.write(bytes(255 - b for b in part) if self.spoil else part)

    def _refuse(self, request: BaseHTTPRequestHandler, status: int, code: str) -> None:
        request.send_response(status)
        if code:
            request.send_header("X-Error-Code", code)
        request.send_header("Content-Length", "0")
        request.end_headers()
