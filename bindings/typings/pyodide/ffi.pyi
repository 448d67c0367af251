"""Pyodide's border to JavaScript, as far as Firstlight uses it."""
# ruff: noqa: N818 - these are Pyodide's own names

class _Constructor:
    name: str

class JsProxy:
    constructor: _Constructor

class JsBuffer(JsProxy):
    def to_bytes(self) -> bytes: ...

class JsNull: ...

class JsException(Exception):
    name: str
    message: str

jsnull: JsNull

class PyProxy(JsProxy):
    def destroy(self) -> None: ...

def create_proxy(obj: object) -> PyProxy: ...
def to_js(obj: object) -> object: ...
