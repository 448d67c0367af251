"""An S3-compatible server in a process of its own: moto, offline."""

from __future__ import annotations

import importlib
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Generator

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_REGION": "us-east-1",
}


@contextmanager
def s3_server(*buckets: str) -> Generator[str, None, None]:
    """Start a server that has the buckets, and return its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port, process)
        url = f"http://127.0.0.1:{port}"
        _create(url, buckets)
        yield url
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError("moto did not start")


def _create(url: str, buckets: tuple[str, ...]) -> None:
    session: Any = importlib.import_module("botocore.session").Session()
    client = session.create_client(
        "s3",
        region_name=ENVIRONMENT["AWS_REGION"],
        endpoint_url=url,
        aws_access_key_id=ENVIRONMENT["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=ENVIRONMENT["AWS_SECRET_ACCESS_KEY"],
    )
    for bucket in buckets:
        client.create_bucket(Bucket=bucket)
    client.close()
