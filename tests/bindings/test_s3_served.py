"""R2 on an S3-compatible server, through the built `dist/server/app.py`."""

from __future__ import annotations

import importlib
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from s3_server import ENVIRONMENT, s3_server

from firstlight.testing.wrangler import serving

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "pyproject.toml": '[tool.firstlight]\noutput = "hybrid"\nadapter = "asgi"\n',
    "wrangler.toml": '[[r2_buckets]]\nbinding = "MEDIA"\nbucket_name = "media"\n',
    "pages/index.html": "home",
    "pages/media/[...key].py": (
        "from bindings.cloudflare import MEDIA\n"
        "from firstlight import Response\n\nprerender = False\n\n\n"
        "async def PUT(ctx):\n"
        "    kind = ctx.request.headers.get('content-type')\n"
        "    stored = await MEDIA.put(\n"
        "        ctx.params['key'], await ctx.request.bytes(), content_type=kind)\n"
        "    return {'etag': stored.etag}\n\n\n"
        "async def GET(ctx):\n"
        "    answer = await MEDIA.respond(ctx.params['key'], ctx.request)\n"
        "    return Response('none', 404) if answer is None else Response(*answer)\n"
    ),
}


@pytest.mark.servers
def test_a_served_site_keeps_its_objects_on_s3(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    subprocess.run([sys.executable, "-m", "firstlight", "build"], cwd=tmp_path, check=True)
    command = [sys.executable, "-m", "uvicorn", "--app-dir", "dist/server", "app:app"]
    with s3_server("media") as url:
        monkeypatch.setenv("FIRSTLIGHT_R2_URL", url)
        with serving(command, tmp_path) as origin:
            write_and_read(f"{origin}/media/img/dot.txt")
        session: Any = importlib.import_module("botocore.session").Session()
        client = session.create_client("s3", region_name="us-east-1", endpoint_url=url)
        stored = client.get_object(Bucket="media", Key="img/dot.txt")
        assert (stored["Body"].read(), stored["ContentType"]) == (b"0123456789", "text/x-dot")
        client.close()
    assert "Traceback" not in (tmp_path / "server.log").read_text("utf-8")
    assert not (tmp_path / ".firstlight/state/r2").exists()


def write_and_read(address: str) -> None:
    assert httpx.get(address).status_code == 404
    headers = {"content-type": "text/x-dot", "sec-fetch-site": "same-origin"}
    etag = httpx.put(address, content=b"0123456789", headers=headers).json()["etag"]
    found = httpx.get(address, headers={"range": "bytes=2-4"})
    assert (found.status_code, found.text) == (206, "234")
    assert found.headers["content-type"] == "text/x-dot"
    assert httpx.get(address, headers={"if-none-match": f'"{etag}"'}).status_code == 304
