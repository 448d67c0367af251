"""Checks of the Durable Object classes of pages/_worker.py against the wrangler configuration."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from firstlight.build.imports import required_imports
from firstlight.build.worker_handlers import defined_names, worker_tree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from firstlight.build.scan import Site
    from firstlight.build.wrangler import Wrangler

FILE = "pages/_worker.py"


def worker_objects(site: Site, wrangler: Wrangler) -> list[str]:
    """List which of the declared classes pages/_worker.py defines or imports."""
    return defined_names(site, dict.fromkeys(wrangler.objects))


def object_warnings(site: Site, wrangler: Wrangler) -> list[str]:
    """Warn of classes that are declared, defined or migrated, but not all of it.

    Source:
        https://developers.cloudflare.com/durable-objects/reference/durable-objects-migrations/
    """
    tree, defined = worker_tree(site), worker_objects(site, wrangler)
    declared = dict.fromkeys(wrangler.objects)
    warnings = [*_undefined(declared, defined, wrangler), *_not_migrated(defined, wrangler)]
    return warnings if tree is None else [*warnings, *_of_file(tree, wrangler)]


def _undefined(declared: dict[str, None], defined: list[str], wrangler: Wrangler) -> Iterator[str]:
    for name in declared:
        if name not in defined:
            yield (
                f"{wrangler.file} declares the Durable Object class `{name}`, which nothing "
                f"defines. Define `class {name}(DurableObject)` in {FILE}."
            )


def _not_migrated(defined: list[str], wrangler: Wrangler) -> Iterator[str]:
    for name in defined:
        if name not in wrangler.migrated:
            yield (
                f"{wrangler.file} has no migration for the Durable Object class `{name}`: it could "
                'not be deployed. Write `tag = "v1"` and '
                f'`new_sqlite_classes = ["{name}"]` under [[migrations]].'
            )


def _of_file(tree: ast.Module, wrangler: Wrangler) -> Iterator[str]:
    for node in tree.body:
        if not isinstance(node, ast.ClassDef):
            continue
        if _is_object(node) and node.name not in wrangler.objects:
            yield (
                f"{FILE}:{node.lineno} defines the Durable Object class `{node.name}`, which "
                f"{wrangler.file or 'wrangler.toml'} does not declare: nothing reaches it. Write "
                f'`name = "{node.name.upper()}"` and `class_name = "{node.name}"` under '
                "[[durable_objects.bindings]]."
            )
    for imported in required_imports(tree):
        if imported.module == "workers" and not imported.level:
            yield (
                f"{FILE}:{imported.lineno} imports `workers`, which is there in a Worker only: "
                "`firstlight dev`, `preview` and the adapter `asgi` cannot load the file. Write "
                "`from bindings.cloudflare import DurableObject`."
            )


def _is_object(node: ast.ClassDef) -> bool:
    return any(ast.unparse(base).rpartition(".")[2] == "DurableObject" for base in node.bases)
