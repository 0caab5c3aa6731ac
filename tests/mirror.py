"""A web server on loopback that behaves like real mirrors, good and bad."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
import time

PAGE = b"<html><body>Quota exceeded</body></html>"


class Mirror:
    """Serves `files`; `mode` is how: fine, page, breaks, ignores ranges, other, missing,
    stalls (in the middle, until the mode is another)."""

    def __init__(self, files, mode="fine"):
        self.files, self.mode = files, mode
        self.ranges = []  # the Range header of every request, None without one
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                mirror.answer(self)

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}/set/"

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def answer(self, handler):
        wanted = handler.headers["Range"]
        self.ranges.append(wanted)
        name = handler.path.rpartition("/")[2]
        if self.mode == "page":
            return self._send(handler, 200, PAGE, "text/html; charset=utf-8", len(PAGE))
        if self.mode == "missing" or name not in self.files:
            return handler.send_error(404)
        content = self.files[name] if self.mode != "other" else b"something else" * 100
        start = 0
        if wanted and self.mode != "ignores ranges":
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(content):
                return handler.send_error(416)
        rest = content[start:]
        sent = rest[:len(rest) // 2 + 1] if self.mode == "breaks" and len(rest) > 10 else rest
        return self._send(handler, 206 if start else 200, sent, "application/gzip", len(rest))

    def _send(self, handler, status, body, kind, length):
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(length))
        handler.end_headers()
        pieces = [body]
        if self.mode == "stalls":
            pieces = [body[:len(body) // 2], body[len(body) // 2:]]
        for piece in pieces:
            try:
                handler.wfile.write(piece)
                handler.wfile.flush()
            except (BrokenPipeError, ConnectionResetError):
                return
            while self.mode == "stalls":
                time.sleep(0.02)
