"""Stands in for `firstlight` in the conformance runner: `preview` is Vercel's part of a request.

Called as `vercel_firstlight.py build` or `vercel_firstlight.py preview --port N`.

Source:
    https://vercel.com/docs/build-output-api/configuration#routes
    https://github.com/vercel/vercel/blob/main/packages/cli/src/util/dev/router.ts
"""

from __future__ import annotations

import base64
import importlib
import json
import mimetypes
import os
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

HOST = "127.0.0.1"
OUTPUT = Path(".vercel/output")


class Answer(NamedTuple):
    status: int
    headers: dict[str, list[str]]
    body: bytes


class VercelHost:
    """Interprets `config.json`, serves static files, and calls the function's handler."""

    def __init__(self, output: Path) -> None:
        self._output = output
        config = json.loads((output / "config.json").read_text())
        self._routes: list[dict[str, Any]] = config["routes"]
        self._overrides = {o["path"]: file for file, o in config["overrides"].items()}
        self._function: Any = None

    def answer(self, method: str, target: str, headers: dict[str, Any], body: bytes) -> Answer:
        path = target.partition("?")[0]
        added: dict[str, list[str]] = {}
        for route in self._routes:
            if route.get("handle") == "filesystem":
                if (data := self.file(path)) is not None:
                    return self._static(data, method, added)
                continue
            flags = re.NOFLAG if route.get("caseSensitive") else re.IGNORECASE
            if (found := re.search(route["src"], path, flags)) is None:
                continue
            for name, value in route.get("headers", {}).items():
                added[name.lower()] = [filled(value, found)]
            if route.get("continue"):
                continue
            if "dest" not in route:
                query = target[len(path) :]  # taken to be kept, as vercel.json's redirects keep it
                added["location"] = [location + query for location in added["location"]]
                return Answer(route["status"], added, b"")
            if (data := self.file(route["dest"])) is not None:
                return self._static(data, method, added, route.get("status", 200))
            if (self._output / f"functions{route['dest']}.func").is_dir():
                return self._call(route["dest"], method, target, headers, body, added)
        return Answer(404, added, b"NOT_FOUND")

    def file(self, path: str) -> Path | None:
        """Find a static file: by its own path, a path that overrides it, or a folder's index."""
        name = unquote(path).strip("/")
        static = self._output / "static"
        if name in self._overrides:
            return static / self._overrides[name]
        for file in (static / name, static / name / "index.html"):
            if file.is_file() and name not in self._overrides.values():
                return file
        return None

    def _static(
        self, file: Path, method: str, added: dict[str, list[str]], status: int = 200
    ) -> Answer:
        if method not in ("GET", "HEAD"):
            return Answer(405, {}, b"")
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        if kind.startswith("text/"):
            kind += "; charset=utf-8"
        return Answer(status, {"content-type": [kind], **added}, file.read_bytes())

    def _call(
        self,
        name: str,
        method: str,
        target: str,
        headers: dict[str, Any],
        body: bytes,
        added: dict[str, list[str]],
    ) -> Answer:
        if self._function is None:
            folder = (self._output / f"functions{name}.func").resolve()
            config = json.loads((folder / ".vc-config.json").read_text())
            module, _, attribute = config["handler"].partition(".")
            sys.path.insert(0, str(folder))
            self._function = getattr(importlib.import_module(module), attribute)
        payload = {"method": method, "path": target, "headers": headers}
        payload |= {"body": base64.b64encode(body).decode(), "encoding": "base64"}
        told = self._function({"body": json.dumps(payload)}, None)
        return Answer(
            told["statusCode"], {**added, **told["headers"]}, base64.b64decode(told["body"])
        )


def filled(text: str, found: re.Match[str]) -> str:
    return re.sub(r"\$(\d)", lambda group: found[int(group[1])] or "", text)


def handler_of(host: VercelHost) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def parse_request(self) -> bool:
            parsed = super().parse_request()
            if parsed:
                self.raw_requestline = b""
                self._serve()
            return False

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers: dict[str, Any] = {}
            for name, value in self.headers.items():
                headers.setdefault(name.lower(), []).append(value)
            headers |= {"x-forwarded-proto": "http", "x-real-ip": self.client_address[0]}
            answer = host.answer(self.command, self.path, headers, body)
            self.send_response_only(answer.status)
            for name, values in answer.headers.items():
                for value in values:
                    self.send_header(name, value)
            if answer.status not in (204, 304):
                self.send_header("content-length", str(len(answer.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)
            self.close_connection = True

    return Handler


if __name__ == "__main__":
    command, *rest = sys.argv[1:]
    if command != "preview":
        arguments = [sys.executable, "-m", "firstlight", command, *rest]
        os.execv(sys.executable, arguments)  # noqa: S606 - as the runner would call it
    sys.path = [path for path in sys.path if "worker" not in path]
    ThreadingHTTPServer((HOST, int(rest[1])), handler_of(VercelHost(OUTPUT))).serve_forever()
