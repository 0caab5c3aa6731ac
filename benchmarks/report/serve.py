"""Serves the page on a port of this machine, with the state of running sweeps."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
import json
from pathlib import Path
import threading
import time
from typing import Any

from benchmarks.harness.errors import UsageError
from benchmarks.harness.slurm.jobs import Jobs, counted, states_of
from benchmarks.harness.spec.selection import Selection
from benchmarks.harness.store.run_folder import Store
from benchmarks.report.collect import Report
from benchmarks.report.page import render

HOST = "127.0.0.1"
NAMES_OF_THIS_MACHINE = ("127.0.0.1", "localhost")
FRESH = 2.0  # seconds for which an answer is reused
UNDER_WAY = ("running", "queued")
OVER = ("done", "diverged", "failed", "unmeasured")


def serve(
    address: str, selections: Sequence[Selection], collected: Callable[[], Report], cache: Path
) -> int:
    """Serves until Ctrl-C; raises UsageError for an address that cannot be used."""
    host, _, port = address.rpartition(":")
    if not port.isdecimal():
        raise UsageError(f"--serve takes PORT or HOST:PORT, not {address!r}")
    host = host or HOST
    pages = {"/": Fresh(lambda: render(collected(), live=True)),
             "/live.json": Fresh(lambda: json.dumps(under_way(selections, cache)))}
    try:
        server = ThreadingHTTPServer((host, int(port)), _handler(pages))
    except (OSError, OverflowError) as error:
        raise UsageError(f"--serve: cannot listen on {address} ({error})") from None
    with server:
        print(f"http://{host}:{server.server_address[1]}/ (Ctrl-C ends it)", flush=True)
        server.serve_forever()
    return 0


def under_way(selections: Sequence[Selection], cache: Path) -> list[dict[str, Any]]:
    """Artefacts with running or queued runs: counts by state, and the labels of running ones."""
    store, jobs = Store(cache / "runs"), Jobs(cache)
    found, known = [], set[str]()
    for selection in selections:
        states = states_of(selection, store, jobs)
        known |= set(states)
        labels = {entry.run.key: entry.label for entry in reversed(selection.entries())}
        if set(UNDER_WAY) & set(states.values()):
            found.append({
                "artefact": selection.artefact.name, "scale": selection.scale,
                "states": counted(states.values()),
                "settled": sum(state in OVER for state in states.values()),
                "runs": len(states),
                "running": [labels[key] for key, state in states.items() if state == "running"]})
    by_hand = [path.name for path in store.root.glob("[!.]*")
               if path.name not in known and store.folder(path.name).is_being_trained()]
    if by_hand:
        found.append({"artefact": "picked by hand", "scale": "of their own", "settled": 0,
                      "states": counted(["running"] * len(by_hand)), "runs": len(by_hand),
                      "running": by_hand})
    return found


class Fresh:
    """A function's answer, kept for FRESH seconds."""

    def __init__(self, ask: Callable[[], str]) -> None:
        self.ask, self.lock = ask, threading.Lock()
        self.answer, self.until = "", 0.0

    def __call__(self) -> str:
        """The answer."""
        with self.lock:
            if time.monotonic() >= self.until:
                self.answer = self.ask()
                self.until = time.monotonic() + FRESH
            return self.answer


def _handler(pages: dict[str, Fresh]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            bound = str(self.connection.getsockname()[0])
            name = self.headers.get("Host", "").split(":")[0]
            if ip_address(bound).is_loopback and name not in (*NAMES_OF_THIS_MACHINE, bound):
                self.send_error(403)  # DNS rebinding: another site's name points here
            elif self.path not in pages:
                self.send_error(404)
            else:
                self._answer(pages[self.path])

        def _answer(self, page: Fresh) -> None:
            try:
                status, text = 200, page()
            except (UsageError, OSError) as error:  # a file may be damaged or being deleted
                status, text = 500, str(error)
            kind = "application/json" if self.path.endswith(".json") else "text/html"
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type",
                             f"{kind if status == 200 else 'text/plain'}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            with suppress(ConnectionError):  # the client has gone
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Logs nothing: the page asks every few seconds."""

    return Handler
