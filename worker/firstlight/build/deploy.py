"""`firstlight deploy`: builds, checks, tells what goes where, and lets wrangler do it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from firstlight.build.config import FILE, load_config, option_location
from firstlight.build.pipeline import build
from firstlight.build.upload import Upload, upload_errors, upload_of, upload_warnings
from firstlight.build.wrangler import ENVIRONMENT, FILES, Target, load_target
from firstlight.check.checking import CheckResult, check_output
from firstlight.errors import AdapterError, BuildFailedError, ConfigError, FirstlightError

if TYPE_CHECKING:
    from collections.abc import Generator

    from firstlight.build.pipeline import Progress

ADAPTERS = (None, "cloudflare")
WRANGLER = "wrangler@4"  # for those who have none installed


class Deployment(NamedTuple):
    """A site that is built and checked, and not deployed yet.

    Attributes:
        command: What deploys it.
        warnings: Of the build and of the platform's limits.
    """

    root: Path
    target: Target
    upload: Upload
    check: CheckResult
    warnings: list[str]
    command: list[str]


def deployment_json(deployment: Deployment, code: int) -> dict[str, Any]:
    """Return what was deployed as JSON has it.

    Args:
        deployment: What was to be deployed.
        code: The exit code; 1 when the check has found errors.
    """
    target, check = deployment.target, deployment.check
    return {
        "ok": code == 0,
        "exit_code": code,
        "environment": target.environment,
        "worker": target.worker,
        "account": target.account or None,
        "routes": list(target.routes),
        "upload": deployment.upload.as_json(),
        "warnings": deployment.warnings,
        "findings": [finding.as_json() for finding in check.findings],
        "command": deployment.command,
    }


@contextmanager
def chosen_environment(name: str | None) -> Generator[None, None, None]:
    """Let CLOUDFLARE_ENV choose an environment, for us and for wrangler; None leaves it."""
    before = os.environ.get(ENVIRONMENT)
    if name is not None:
        os.environ[ENVIRONMENT] = name
    try:
        yield
    finally:
        os.environ.pop(ENVIRONMENT, None)
        if before is not None:
            os.environ[ENVIRONMENT] = before


def prepare(root: Path, *, is_dry_run: bool, progress: Progress | None = None) -> Deployment:
    """Build a site and check it.

    Args:
        root: The site's root.
        is_dry_run: Whether wrangler shall upload nothing.
        progress: As for the build.

    Raises:
        BuildFailedError: The build failed, or what it made is over a limit.
        FirstlightError: There is nothing to deploy, no place for it, or no wrangler.
    """
    target = load_target(root)
    _check_deployable(root, target)
    command = [*find_wrangler(root), "deploy"]
    command += ["--env", target.environment] if target.environment else []
    command += ["--dry-run"] if is_dry_run else []
    result = build(root, progress)
    upload = upload_of(root, result.sizes)
    if errors := upload_errors(upload):
        raise BuildFailedError(errors)
    warnings = [*result.warnings, *upload_warnings(upload), *target.placeholders]
    check = check_output(result.output, progress)
    return Deployment(root, target, upload, check, warnings, command)


def run_wrangler(deployment: Deployment, *, is_json: bool = False) -> int:
    """Run wrangler and return its exit code.

    Args:
        deployment: What to deploy.
        is_json: Whether what it prints goes to stderr, as our own result goes to stdout.
    """
    # wrangler builds once more, with the `firstlight` that runs now.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    done = subprocess.run(  # noqa: S603 - the site's own wrangler
        deployment.command,
        cwd=deployment.root,
        env=os.environ | {"PATH": path},
        stdout=sys.stderr.fileno() if is_json else None,
        check=False,
    )
    # What a signal has ended counts as in a shell.
    return done.returncode if done.returncode >= 0 else 128 - done.returncode


def find_wrangler(root: Path) -> list[str]:
    """Return how to run wrangler: the site's own, an installed one, or through npx.

    Raises:
        FirstlightError: There is neither.
    """
    local = root / "node_modules" / ".bin"
    if found := shutil.which("wrangler", path=str(local)) or shutil.which("wrangler"):
        return [found]
    if npx := shutil.which("npx"):
        return [npx, "--yes", WRANGLER]
    raise FirstlightError(
        "Neither `wrangler` nor `npx` is installed.",
        hint="Install Node 22 or newer (https://nodejs.org), which brings `npx`.",
    )


def _check_deployable(root: Path, target: Target) -> None:
    if target.file is None:
        raise ConfigError(
            f"There is no {FILES[-1]}, so nothing says what to deploy.",
            hint='Write one with `name`, `main = "dist/server/entry.py"`, `compatibility_date`, '
            '`compatibility_flags = ["python_workers"]` and `[assets]`.',
        )
    adapter = load_config(root).adapter
    if adapter not in ADAPTERS:
        raise AdapterError(
            f"`firstlight deploy` deploys to Cloudflare; this site is built for `{adapter}`.",
            hint=f'Set `adapter = "cloudflare"` in {FILE}, or deploy with that host\'s own tools.',
            location=option_location(root, "adapter"),
        )
