"""What an exception of the site's code says in the end: one sentence, and how to mend it.

On the host alone: a Worker's log has `errors.plain_advice`.
"""

from __future__ import annotations

import builtins
import difflib
import re
import sys
from types import ModuleType
from typing import TYPE_CHECKING

from firstlight.errors import NOT_AWAITED, Advice, FirstlightError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import FrameType
    from typing import Any

ALIKE = 0.7  # of difflib's ratio, from which on a name looks like another one
SHORT = 4  # characters
ALIKE_IF_SHORT = 0.6
VERY_ALIKE = 0.8  # where there are many names
MOST_LISTED = 12  # names that a hint lists
PATH = re.compile(r" \((?:unknown location|[^()]*\.(?:py|so|pyd))\)$")
KEYWORD = re.compile(r"(?:(\w+)\.)?(\w+)\(\) got an unexpected keyword argument '(\w+)'")
# What our functions fail with when they are given another type, by their name.
CALLEES = {
    "_checked_value": "A header's value is text: write `str(value)`.",
    "_check_seconds": "Write a number, such as `ttl=3600`.",
    "checked_value": "Convert it to str or bytes, or store it with `put_json()`.",
    "_to_bytes": "Convert it to str or bytes.",
    "utf8_size": "Keys and SQL are text: write `str(key)`.",
}
ONLY_IN_WORKER = (
    "It is there in a Worker only. Write `from bindings.cloudflare import DurableObject`, or "
    "`from firstlight import Response`."
)
HEADERS = {
    "_checked_name": "Use letters, digits and `-`.",
    "_checked_value": "Leave out line breaks; percent-encode what is not Latin-1.",
}
EXPORTED = re.compile(r"the template '([^']*)' .* does not export the requested name '(\w+)'")
TEMPLATE_GLOBALS = {"range", "dict", "lipsum", "cycler", "joiner", "namespace", "self"}
# What it is called elsewhere, in Flask or in JavaScript.
ELSEWHERE = {
    "args": "ctx.url.search_params",
    "query": "ctx.url.search_params",
    "query_params": "ctx.url.search_params",
    "query_string": "ctx.url.search",
    "path_params": "ctx.params",
    "set_cookie": "ctx.cookies.set(…)",
    "delete_cookie": "ctx.cookies.delete(…)",
    "len": "…|length",
    "str": "…|string",
    "true": "True",
    "false": "False",
    "null": "None",
    "undefined": "None",
}
# Where names come from that are often used without an import, best first.
HOMES = ("firstlight", "firstlight.content", "bindings.cloudflare")
# Names that a module makes only when it is asked, or that is not loaded yet.
LAZY_EXPORTS = {
    "firstlight": ("paginate",),
    "firstlight.content": ("get_collection", "get_entry"),
}


def explain(error: BaseException) -> Advice:
    """Say what an exception means, the names that may have been meant included."""
    if isinstance(error, FirstlightError):
        is_awaited = "type coroutine" not in error.message
        return Advice(error.message, error.hint if is_awaited else NOT_AWAITED)
    kind, own = type(error).__name__, getattr(error, "hint", None)
    text = PATH.sub("", str(error)).partition("\n  Hint: ")[0]
    text = re.sub(r"\. Did you mean '\w+'\?$", "", text)  # Python's, which only newer ones say
    if (missing := _undefined_of(error)) is not None:
        return _explain_undefined(missing, error)
    if kind in _TEMPLATE_ERRORS:
        text, hint = _TEMPLATE_ERRORS[kind](error, in_backticks(text))
        return Advice(text, hint)
    told = f"{kind}: {text}".removesuffix(": ")
    if own is not None:
        return Advice(told, own)
    return Advice(told, _hint_of_callee(error) or _advise(error))


def _advise(error: BaseException) -> str | None:
    advisers = (adviser for cls, adviser in _ADVISERS if isinstance(error, cls))
    return next((adviser(error) for adviser in advisers), None)


def _hint_of_callee(error: BaseException) -> str | None:
    """Advise on a value that one of our functions could not take."""
    frame = next(iter(_frames(error)), None)
    if frame is None:
        return None
    if isinstance(error, TypeError) and frame.f_globals.get("__name__") == "firstlight.response":
        return "A status is a number: write `int(status)`."
    callees = HEADERS if isinstance(error, ValueError) else CALLEES
    return callees.get(frame.f_code.co_name)


def did_you_mean(
    name: str, known: Iterable[str], quote: str = "`", *, alike: float | None = None
) -> str | None:
    """Return the hint that names the nearest of the known names; None when none is near."""
    near = nearest(name, known, alike=alike)
    return None if near is None else f"Did you mean {quote}{near}{quote}?"


def nearest(name: str, known: Iterable[str], *, alike: float | None = None) -> str | None:
    """Return the known name most like a given one, letter case and camelCase aside."""
    plain = {_plain(each): each for each in sorted(known, reverse=True)}
    wanted = _plain(name)
    if alike is None:
        alike = ALIKE if len(wanted) > SHORT else ALIKE_IF_SHORT
    begun = sorted(each for each in plain if wanted and each.startswith(wanted + "_"))
    found = difflib.get_close_matches(wanted, plain, 1, alike) or begun[:1]
    return plain[found[0]] if found else None


def in_backticks(text: str) -> str:
    """Turn what stands in quotes into code."""
    return re.sub(r"'([^'\n]*)'", r"`\1`", text)


def _plain(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _hint(name: str, known: Iterable[str], what: str) -> str | None:
    """Name what was meant, else list what there is if that is little."""
    names = sorted({each for each in known if not each.startswith("_")})
    if (near := did_you_mean(name, names)) is not None:
        return near
    listed = ", ".join(f"`{each}`" for each in names)
    return f"{what} {listed}." if 0 < len(names) <= MOST_LISTED else None


def _frames(error: BaseException) -> Iterator[FrameType]:
    """Yield the frames of a traceback, innermost first."""
    found: list[FrameType] = []
    step = error.__traceback__
    while step is not None:
        found.append(step.tb_frame)
        step = step.tb_next
    return reversed(found)


def _site_frame(error: BaseException) -> FrameType | None:
    """Return the innermost frame in the site's own files."""
    modules = (str(frame.f_globals.get("__name__", "")) for frame in _frames(error))
    inside = [name.partition(".")[0] == "pages" for name in modules]
    frames = [frame for frame, is_own in zip(_frames(error), inside, strict=True) if is_own]
    return frames[0] if frames else None


def _undefined_of(error: BaseException) -> Any:
    """Return the undefined value that a template stumbled over, ours or Jinja2's."""
    if type(error).__name__ != "UndefinedError":
        return None
    for frame in _frames(error):
        value: Any = frame.f_locals.get("self")
        if _has(value, "_undefined_name"):
            return value
    return None


def _has(value: object, member: str) -> bool:
    """Tell whether a class defines a member; a value's own code is not run."""
    return hasattr(type(value), member)


def _own(value: object) -> dict[str, Any]:
    """Return a value's own attributes, properties left alone."""
    return getattr(value, "__dict__", {})


def _explain_undefined(value: Any, error: BaseException) -> Advice:
    hint, owner, name = (getattr(value, f"_undefined_{slot}") for slot in ("hint", "obj", "name"))
    if hint:
        return Advice(_sentence(in_backticks(hint)), _hint_of_macro(hint, error))
    if type(owner).__name__ in ("_Missing", "MissingType", "_MissingType"):
        return Advice(f"`{name}` is undefined.", _hint_of_template_name(str(name), error))
    if not isinstance(name, str):
        return Advice(f"{_kind(owner)} has no element `{name!r}`.", None)
    return Advice(f"{_kind(owner)} has no `{name}`.", _hint_of_member(owner, name))


def _kind(value: object) -> str:
    if isinstance(value, _ctx_class()):
        return "`ctx`"
    return "`None`" if value is None else f"A `{type(value).__name__}`"


def _hint_of_template_name(name: str, error: BaseException) -> str:
    known: set[str] = set()
    front: dict[str, Any] = {}
    for frame in _frames(error):
        context: Any = frame.f_locals.get("context")
        if _has(context, "get_all"):
            known |= set(context.get_all())
            front = context.get_all().get("frontmatter", front)
    if name in _members(_ctx_class()):
        return f"Did you mean `ctx.{name}`?"
    if name in ELSEWHERE:
        return f"Write `{ELSEWHERE[name]}`."
    if name in front:
        return f"Write `frontmatter.{name}`."
    bind = f"Bind it in the frontmatter, or test `{name} is defined` first."
    return did_you_mean(name, {*known, "ctx"} - TEMPLATE_GLOBALS) or bind


def _hint_of_macro(text: str, error: BaseException) -> str | None:
    if parameter := re.match(r"parameter '(\w+)' was not provided", text):
        return f'Give it where the macro is called, or a default: `{parameter[1]}=""`.'
    if "no parent block" in text:
        return "Leave `super()` out, or extend a template that has the block."
    exported = EXPORTED.match(text)
    for frame in _frames(error) if exported else ():
        for value in frame.f_locals.values():
            members = _own(value) if type(value).__name__ == "TemplateModule" else {}
            if exported and members.get("__name__") == exported[1]:
                return _hint(exported[2], members, "It has")
    return None


def _hint_of_member(owner: Any, name: str) -> str | None:
    """Advise on an attribute, or in a template a key, that is not there."""
    kind = type(owner).__name__
    if owner is None:
        return "Test for None first."
    if kind in ("coroutine", "Rewrite"):
        return NOT_AWAITED
    if kind in ("APIContext", "PrerenderContext", "Request") and name in ELSEWHERE:
        return f"Write `{ELSEWHERE[name]}`."
    if kind == "SimpleNamespace":
        return did_you_mean(name, _own(owner)) or f"Set `ctx.locals.{name}` in middleware."
    members = _members(owner)
    if type(owner).__module__ == "builtins":  # that has many members, and they are well known
        return _hint_of_item(owner, name) or did_you_mean(name, members)
    return _hint_of_item(owner, name) or _hint(name, members, "It has")


def _hint_of_item(owner: Any, name: str) -> str | None:
    """Advise where an attribute was asked of what has keys."""
    if isinstance(owner, dict):
        keys = {str(key) for key in owner}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        return f'Write `["{name}"]`.' if name in keys else _hint(name, keys, "It has")
    data = _own(owner).get("data")
    return f'Write `.data["{name}"]`.' if isinstance(data, dict) and name in data else None


def _members(owner: object) -> set[str]:
    """List public names without running code of the owner's."""
    names = dir(owner if isinstance(owner, (type, ModuleType)) else type(owner))
    return {name for name in (*names, *getattr(owner, "__dict__", ())) if name[:1] != "_"}


def _ctx_class() -> type:
    return sys.modules["firstlight"].APIContext


def _advise_attribute(error: Any) -> str | None:
    name = error.name
    return None if name is None else _hint_of_member(error.obj, name)


def _advise_name(error: Any) -> str | None:
    frame, name = _site_frame(error), str(error.name)
    if frame is None:
        return None
    if frame.f_code.co_name == "get_static_paths":
        return (
            "`get_static_paths()` runs once, before any page: it sees the frontmatter's imports, "
            "but neither `ctx` nor its other names."
        )
    if name in ELSEWHERE and name.islower():
        return f"Write `{ELSEWHERE[name]}`."
    if "ctx" in frame.f_locals and name in _members(_ctx_class()):
        return f"Did you mean `ctx.{name}`?"
    for home in HOMES:
        if name in exports(home):
            return f"Write `from {home} import {name}`."
    own = did_you_mean(name, {*frame.f_locals, *frame.f_globals})
    return own or did_you_mean(name, dir(builtins), alike=VERY_ALIKE)


def _advise_key(error: KeyError) -> str | None:
    """Find the key that was meant in the dicts at hand: locals, `ctx.params`, front matter."""
    frame = _site_frame(error)
    key = error.args[0] if error.args else None
    if frame is None or not isinstance(key, str):
        return None
    values = list(frame.f_locals.values())
    values += [_own(value).get("data") for value in values]  # front matter
    ctx: Any = frame.f_locals.get("ctx")
    values += [ctx.params, ctx.props] if isinstance(ctx, _ctx_class()) else []
    dicts: list[dict[Any, Any]] = [value for value in values if isinstance(value, dict)]
    keys = {each for value in dicts for each in value if isinstance(each, str)}
    return did_you_mean(key, keys - {key})


def _advise_import(error: ImportError) -> str | None:
    module = error.name or ""
    if isinstance(error, ModuleNotFoundError):
        near = did_you_mean(module, _module_names(module), alike=VERY_ALIKE)
        top = module.partition(".")[0]
        if top == "workers":
            return ONLY_IN_WORKER
        return near or f"Mend its name, or install it into this environment: `pip install {top}`."
    wanted = re.search(r"cannot import name '(\w+)'", str(error))
    return import_hint(wanted[1], module, exports(module)) if wanted else None


def import_hint(name: str, module: str, known: Iterable[str]) -> str | None:
    """Say where a name can be imported from that a module does not have."""
    for home in HOMES:
        if home != module and name in exports(home):
            return f"Write `from {home} import {name}`."
    if module == "firstlight" and name in _members(_ctx_class()):
        return f"Write `ctx.{name}`, without an import."
    return _hint(name, known, "It has")


def exports(module: str) -> set[str]:
    """List the public names of a module that is loaded, those of Firstlight's that wait too."""
    found = sys.modules.get(module)
    names = {name for name in _members(found) if not isinstance(_own(found).get(name), ModuleType)}
    return {*names, *getattr(found, "__all__", ()), *LAZY_EXPORTS.get(module, ())}


def _module_names(module: str) -> set[str]:
    """List the modules that may have been meant: its neighbours, or what Python brings."""
    parent = module.rpartition(".")[0]
    if not parent:
        return {*sys.stdlib_module_names, *(name for name in sys.modules if "." not in name)}
    import pkgutil  # noqa: PLC0415 - of the standard library, for this error alone

    folders = getattr(sys.modules.get(parent), "__path__", ())
    return {f"{parent}.{found.name}" for found in pkgutil.iter_modules(folders)}


def _advise_type(error: TypeError) -> str | None:
    text = str(error)
    if "is not JSON serializable" in text:
        return "Convert it first, as in `str(value)` or `moment.isoformat()`."
    if "coroutine" in text:
        return NOT_AWAITED
    if keyword := KEYWORD.search(text):
        function = _function(keyword[1], keyword[2], _site_frame(error))
        return None if function is None else _hint(keyword[3], _parameters(function), "It takes")
    if macro := re.match(r"macro '(\w+)' takes", text):
        owners = (frame.f_locals.get("self") for frame in _frames(error))
        found: Any = next((each for each in owners if hasattr(each, "arguments")), None)
        arguments = ", ".join(found.arguments) if found is not None else "…"
        return f"Call it as it is defined: `{macro[1]}({arguments})`."
    if "'URL'" in text:
        return "Write `str(ctx.url)` for its text."
    return None


def _function(owner: str | None, name: str, frame: FrameType | None) -> Any:
    """Find a function by the name that an error gives it, in the scope of the site's code."""
    scope = {**frame.f_globals, **frame.f_locals} if frame is not None else {}
    values: list[Any] = [*scope.values(), *vars(sys.modules["firstlight"]).values()]
    for value in values:
        kind = value if isinstance(value, type) else type(value)
        if owner is not None and kind.__name__ == owner:
            return getattr(kind, name, None)
        if owner is None and getattr(value, "__name__", None) == name:
            return value
    return None


def _parameters(function: Any) -> set[str]:
    code = getattr(function, "__code__", None)
    if code is None:
        return set()
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return {*names} - {"self", "cls"}


def _advise_recursion(error: RecursionError) -> str:
    del error
    return "Something calls, includes or extends itself without an end."


def _template_not_found(error: Any, text: str) -> tuple[str, str | None]:
    names = next((_template_names(frame) for frame in _frames(error) if _template_names(frame)), ())
    asked = str(error.args[0] if error.args else "")
    near = did_you_mean(asked, names) or "Template names are relative to pages/."
    return (f"There is no template `{asked}`." if asked == str(error) else _sentence(text)), near


def _template_names(frame: FrameType) -> Any:
    return getattr(frame.f_locals.get("self"), "_modules", ())


def _plain_sentence(error: object, text: str) -> tuple[str, str | None]:
    del error
    return _sentence(text), None


def _sentence(text: str) -> str:
    return f"{text.rstrip('.')}."


_TEMPLATE_ERRORS: dict[str, Callable[[Any, str], tuple[str, str | None]]] = {
    "TemplateNotFound": _template_not_found,
    "TemplatesNotFound": _template_not_found,
    "UndefinedError": _plain_sentence,
    "TemplateRuntimeError": _plain_sentence,
    "FilterArgumentError": _plain_sentence,
}
_ADVISERS: tuple[tuple[type[BaseException], Callable[[Any], str | None]], ...] = (
    (AttributeError, _advise_attribute),
    (NameError, _advise_name),
    (KeyError, _advise_key),
    (ImportError, _advise_import),
    (TypeError, _advise_type),
    (RecursionError, _advise_recursion),
)
