"""The site that a page's code blocks make: written, built, asked and called."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import shlex
import sys
import tomllib
from typing import TYPE_CHECKING, Any

import click
import httpx
from blocks import ROOT, Block, Exchange, assert_lines, exchange_of
from click.testing import CliRunner, Result

from bindings.cloudflare._local import use
from firstlight.build.loader import forget_modules
from firstlight.build.pipeline import build
from firstlight.cli import main
from firstlight.dev.preview import preview_app

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

ORIGIN = "http://localhost:4322"
EXPECTED = re.compile(r"  # → (.+)$")
# What a page need not show: it is there unless the page has a file of that name.
FILES = {
    "pyproject.toml": '[tool.firstlight]\noutput = "hybrid"\nadapter = "cloudflare"\n',
    "pages/_layouts/base.html": "<!doctype html>\n<title>{% block title %}{% endblock %}</title>\n"
    "<main>{% block main %}{{ content }}{% endblock %}</main>\n",
    # The bindings' reference speaks of a file that was built.
    "dist/client/hello.txt": "Hello",
}
WRANGLER_TOML = """\
kv_namespaces = [{ binding = "CACHE", id = "cache" }]
d1_databases = [{ binding = "DB", database_name = "db", database_id = "db" }]
r2_buckets = [{ binding = "MEDIA", bucket_name = "media" }]
assets = { directory = "dist/client", binding = "ASSETS" }
"""
MIGRATIONS = "migrations"
# Commands that pages name and that no test of theirs runs: other tests do.
SERVERS = {"uvicorn", "granian", "hypercorn"}
OTHERS = {"cd", "npx", "pip", "python", "wrangler", "git", "pytest", *SERVERS}


class ExampleSite:
    """Takes the blocks of a page one by one, then runs its program.

    Args:
        page: The Markdown file.
        root: An empty folder.
    """

    def __init__(self, page: Path, root: Path) -> None:
        self._page = page
        self._root = root
        self._config = ""
        self._migrations = 0
        self._is_built = False
        self._cookies = httpx.Cookies()
        self._program: list[ast.stmt] = []
        self._command: list[str] = []
        self._output: Result | None = None
        self.checks = 0
        for name, text in FILES.items():
            self.write(name, text)
        self.write("wrangler.toml", WRANGLER_TOML)

    def take(self, block: Block) -> None:
        """Do what a block says."""
        if block.file is not None:
            self.write(block.file, block.text)
        elif (taker := getattr(self, f"_take_{block.language}", None)) is not None:
            taker(block)
        else:
            raise AssertionError(f"{self._page.name}:{block.line}: what is this block?")

    def ask(self, exchange: Exchange) -> None:
        """Send a request to the built site and compare the answer; cookies are kept."""
        if not self._is_built:
            self._build()
        try:
            answer = asyncio.run(self._send(exchange))
        finally:
            self._forget()
        exchange.check(answer)
        self.checks += 1

    async def _send(self, exchange: Exchange) -> httpx.Response:
        app: Any = preview_app(self._root)  # httpx has types of its own for ASGI
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(
            transport=transport, base_url=ORIGIN, cookies=self._cookies
        ) as client:
            answer = await client.request(
                exchange.method,
                exchange.path,
                headers={"origin": ORIGIN} | exchange.headers,
                content=exchange.body.encode() or None,
            )
            self._cookies = client.cookies
            return answer

    def finish(self) -> None:
        """Build what is not built yet, and run the program."""
        if any(path.suffix != ".toml" for path in self._sources()) and not self._is_built:
            self._build()
        if self._program:
            self._run()

    def write(self, name: str, text: str) -> None:
        """Write a file of the site."""
        path = self._root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        self._is_built = False

    def _sources(self) -> Iterable[Path]:
        own = set(FILES)
        files = (path for path in (self._root / "pages").rglob("*") if path.is_file())
        return (path for path in files if path.relative_to(self._root).as_posix() not in own)

    def _take_toml(self, block: Block) -> None:
        self._config += block.text
        self.write("wrangler.toml", self._config)

    def _take_sql(self, block: Block) -> None:
        self.write(f"{MIGRATIONS}/{self._migrations:04}.sql", block.text)
        self._migrations += 1

    def _take_http(self, block: Block) -> None:
        try:
            self.ask(exchange_of(block.text))
        except AssertionError as error:
            raise AssertionError(f"{self._page.name}:{block.line}: {error}") from error

    def _take_sh(self, block: Block) -> None:
        for line in block.text.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if not words:
                continue
            for command in split_commands(words):
                check_command(command)
                self.checks += 1
            self._output = None
            self._command = words

    def _take_text(self, block: Block) -> None:
        assert self._command[0] == "firstlight", "text is what a command of ours prints"
        if self._output is None:
            self._output = CliRunner().invoke(main, self._command[1:])
            self._forget()
        try:
            assert_lines(block.text.splitlines(), self._output.output)
        except AssertionError as error:
            raise AssertionError(f"{self._page.name}:{block.line}: {error}") from error
        self.checks += 1

    def _take_python(self, block: Block) -> None:
        tree = ast.parse(block.text)
        lines = block.text.splitlines()
        for node in tree.body:
            expected = EXPECTED.search(lines[(node.end_lineno or 1) - 1])
            if expected and isinstance(node, ast.Expr):
                promise = ast.Constant(expected[1].strip())
                node.value = ast.Call(ast.Name("check", ast.Load()), [node.value, promise], [])
        ast.fix_missing_locations(ast.increment_lineno(tree, block.line - 1))
        self._program += tree.body

    def _run(self) -> None:
        def check(value: object, promise: str) -> None:
            assert value == eval(promise, namespace), promise  # noqa: S307 - our own page
            self.checks += 1

        namespace: dict[str, Any] = {"check": check, "__name__": self._page.stem}
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        module = ast.Module(self._program, [])
        code = compile(module, self._page, "exec", flags, dont_inherit=True)
        with use(self._root):
            outcome = eval(code, namespace)  # noqa: S307 - as above
            if inspect.iscoroutine(outcome):
                asyncio.run(outcome)
        self.checks += sum(isinstance(node, ast.Assert) for node in ast.walk(module))

    def _build(self) -> None:
        build(self._root)
        self._is_built = True

    def _forget(self) -> None:
        """Take back what the preview did to this process."""
        sys.meta_path[:] = [f for f in sys.meta_path if type(f).__name__ != "_BundleFinder"]
        for name in ("manifest", "entry"):
            sys.modules.pop(name, None)
        forget_modules(self._root)


def split_commands(words: list[str]) -> list[list[str]]:
    """Split a line at `&&`."""
    commands: list[list[str]] = [[]]
    for word in words:
        if word == "&&":
            commands.append([])
        else:
            commands[-1].append(word)
    return commands


def check_command(words: list[str]) -> None:
    """Fail for a command that is none, or an option or extra that does not exist."""
    program, *arguments = words
    if program == "firstlight":
        check_our_command(arguments)
        return
    if re.fullmatch(r"[A-Z_]+=\S*", program):  # an environment variable
        check_command(arguments)
        return
    assert program in OTHERS, f"Which command is `{program}`?"
    known = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = re.findall(r"\[([\w,]+)\]", " ".join(arguments) if program == "pip" else "")
    assert {extra for group in extras for extra in group.split(",")} <= {
        *known["optional-dependencies"]
    }


def check_our_command(arguments: list[str]) -> None:
    """Let click read a line of ours as it would, without running it."""
    context = click.Context(main, info_name="firstlight")
    if not arguments or arguments[0].startswith("-"):
        main.make_parser(context).parse_args(list(arguments))
        return
    command = main.commands.get(arguments[0])
    assert command is not None, f"There is no command `firstlight {arguments[0]}`."
    inner = click.Context(command, parent=context, info_name=arguments[0])
    command.make_parser(inner).parse_args(arguments[1:])
