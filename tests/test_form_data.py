from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstlight import FormData
from firstlight.errors import RequestError
from firstlight.form_data import UploadedFile, parse_form

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"
FIELD = b'Content-Disposition: form-data; name="a"\r\n\r\n'
FILE = b'Content-Disposition: form-data; name="f"; filename="x.bin"\r\n'


def multipart(*parts: bytes, boundary: bytes = b"b") -> bytes:
    lines = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts)
    return lines + b"--" + boundary + b"--\r\n"


def refusal(content_type: str, body: bytes) -> tuple[int, str]:
    with pytest.raises(RequestError) as caught:
        parse_form(content_type, body)
    return caught.value.status, str(caught.value)


def uploaded(form: FormData, name: str = "f") -> UploadedFile:
    file = form.file(name)
    assert file is not None
    return file


@pytest.mark.parametrize(
    ("body", "pairs"),
    [
        (b"", []),
        (b"a=1&b=2&a=3", [("a", "1"), ("b", "2"), ("a", "3")]),
        (b"a=x+y%2B&=%C3%A9&flag", [("a", "x y+"), ("", "é"), ("flag", "")]),
        (b"a=%FF&b=\xff&c=\xc3\xa9", [("a", "\ufffd"), ("b", "\ufffd"), ("c", "é")]),
    ],
)
def test_urlencoded_form_is_parsed(body: bytes, pairs: list[tuple[str, str]]) -> None:
    assert parse_form(URLENCODED, body).items() == pairs


@pytest.mark.parametrize(
    "content_type",
    [URLENCODED, f"{URLENCODED};charset=UTF-8", f" {URLENCODED.upper()} ; charset=utf-8"],
)
def test_content_type_is_read_without_case_and_parameters(content_type: str) -> None:
    assert parse_form(content_type, b"a=1").items() == [("a", "1")]


def test_form_data_is_a_multi_mapping() -> None:
    file = UploadedFile("x.txt", "text/plain", b"x")
    form = FormData([("a", "1"), ("f", file), ("a", "2")])

    assert (form.get("a"), form["a"], form["f"]) == ("1", "1", file)
    assert form.get_all("a") == ["1", "2"]
    assert form.get_all("f") == [file]
    assert (form.get("none"), form.get("none", "x"), form.get_all("none")) == (None, "x", [])
    assert "a" in form
    assert "none" not in form
    assert (list(form), len(form)) == (["a", "f"], 3)
    assert form.items() == [("a", "1"), ("f", file), ("a", "2")]
    with pytest.raises(KeyError, match="none"):
        form["none"]


def test_get_and_file_tell_texts_from_files() -> None:
    form = FormData([("a", "text"), ("a", UploadedFile("x", "text/plain", b""))])

    assert form.get("a") == "text"
    assert uploaded(form, "a").filename == "x"
    assert FormData([("f", UploadedFile("x", "", b""))]).get("f") is None
    assert FormData([("a", "text")]).file("a") is None


def test_multipart_fields_and_files_are_parsed() -> None:
    body = multipart(FIELD + "é".encode(), FILE + b"Content-Type: image/png\r\n\r\n\x89PNG")
    form = parse_form(MULTIPART, body)

    assert form.get("a") == "é"
    file = uploaded(form)
    assert (file.filename, file.content_type, file.size) == ("x.bin", "image/png", 4)
    assert file.bytes() == b"\x89PNG"
    assert file.text() == "\ufffdPNG"


def test_multipart_file_without_a_content_type_is_bytes() -> None:
    file = uploaded(parse_form(MULTIPART, multipart(FILE + b"\r\nx")))

    assert file.content_type == "application/octet-stream"


def test_multipart_empty_file_input_is_no_file() -> None:
    part = b'Content-Disposition: form-data; name="f"; filename=""\r\n\r\n'
    form = parse_form(MULTIPART, multipart(part))

    assert form.file("f") is None
    assert "f" in form
    assert len(form.get_all("f")) == 1


@given(st.binary(max_size=200))
def test_multipart_keeps_files_byte_for_byte(data: bytes) -> None:
    boundary = b"----WebKitFormBoundary7MA4YWxk"
    body = multipart(FILE + b"\r\n" + data, FIELD + b"1", boundary=boundary)
    form = parse_form(f"multipart/form-data; boundary={boundary.decode()}", body)

    assert uploaded(form).bytes() == data
    assert form.get("a") == "1"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n",
        b"\r\n\r\n",
        b"--bc",
        b"\r\n-b",
        b"\r\n--bc\r\n",
        b"\n--b\n",
        b"--",
        b"\r\n--",
        b"x\r",
    ],
)
def test_multipart_takes_only_whole_boundary_lines(data: bytes) -> None:
    assert uploaded(parse_form(MULTIPART, multipart(FILE + b"\r\n" + data))).bytes() == data


@pytest.mark.parametrize(
    "content_type",
    [
        'multipart/form-data; boundary="b"',
        "Multipart/Form-Data; Boundary=b",
        "multipart/form-data; charset=utf-8; boundary=b; x=y",
        "multipart/form-data;boundary=b",
    ],
)
def test_multipart_boundary_is_found(content_type: str) -> None:
    assert parse_form(content_type, multipart(FIELD + b"1")).items() == [("a", "1")]


@pytest.mark.parametrize("boundary", ["a b;c", "'()+_,-./:=?", "((", "-" * 70, "--"])
def test_multipart_boundary_may_be_odd(boundary: str) -> None:
    body = multipart(FIELD + b"1", FIELD + b"2", boundary=boundary.encode())

    form = parse_form(f'multipart/form-data; boundary="{boundary}"', body)

    assert form.items() == [("a", "1"), ("a", "2")]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"", b""),
        (b"preamble\r\n", b"epilogue"),
        (b"pre\r\n--a\r\n", b"\r\n--b\r\nepilogue\r\n"),
        (b"\r\n", b"--b--\r\n"),
    ],
)
def test_multipart_preamble_and_epilogue_are_left_out(before: bytes, after: bytes) -> None:
    body = before + multipart(FIELD + b"1") + after

    assert parse_form(MULTIPART, body).items() == [("a", "1")]


def test_multipart_boundary_line_may_end_in_spaces() -> None:
    body = b"--b \t\r\n" + FIELD + b"1\r\n--b-- \r\n"

    assert parse_form(MULTIPART, body).items() == [("a", "1")]


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        (b'form-data; name="a b"', "a b"),
        (b"form-data; name=a", "a"),
        (b'form-data; name=""', ""),
        (b'form-data; name="a;b=c"', "a;b=c"),
        (b'form-data; name="a%22b"', 'a"b'),
        (b'form-data; name="a\\"b"', 'a"b'),
        (b'form-data; name="a%0D%0Ab"', "a\r\nb"),
        (b'form-data; name="100%25"', "100%25"),
        ('form-data; name="é"'.encode(), "é"),
        (b'form-data;name="a";name="b"', "a"),
        (b'form-data; NAME="a"', "a"),
    ],
)
def test_multipart_names_are_unquoted(disposition: bytes, name: str) -> None:
    part = b"CONTENT-disposition:" + disposition + b"\r\n\r\n1"

    assert parse_form(MULTIPART, multipart(part)).items() == [(name, "1")]


def test_multipart_filename_is_as_the_browser_sent_it() -> None:
    part = b'Content-Disposition: form-data; name="f"; filename="..\\a;%22b%22.txt"\r\n\r\n'

    assert uploaded(parse_form(MULTIPART, multipart(part))).filename == '..\\a;"b".txt'


def test_multipart_without_parts_is_an_empty_form() -> None:
    assert parse_form(MULTIPART, b"--b--\r\n").items() == []
    assert parse_form(MULTIPART, b"--b--").items() == []
    assert parse_form("multipart/form-data", b"").items() == []
    assert parse_form("", b"").items() == []


def test_multipart_takes_a_thousand_parts_and_no_more() -> None:
    assert len(parse_form(MULTIPART, multipart(*[FIELD] * 1000))) == 1000
    assert refusal(MULTIPART, multipart(*[FIELD] * 1001)) == (
        413,
        "The form has more than 1000 fields.",
    )


@pytest.mark.parametrize(
    ("content_type", "body", "message"),
    [
        (MULTIPART, b"", "The body is empty."),
        (MULTIPART, b"--b\r\n" + FIELD + b"1", "The multipart body is incomplete."),
        (MULTIPART, b"--b\r\n" + FIELD + b"1\r\n--b\r\n", "The multipart body is incomplete."),
        (MULTIPART, multipart(FIELD, boundary=b"c"), "The multipart body is incomplete."),
        (MULTIPART, multipart(b"x"), "A part of the multipart body has no headers."),
        (MULTIPART, multipart(b"\r\nx"), "A part of the multipart body has no name."),
        (MULTIPART, multipart(b"X: y\r\n\r\nx"), "A part of the multipart body has no name."),
        ("multipart/form-data", b"x", "The multipart body's content type names no boundary."),
        (
            "multipart/form-data; boundary=",
            b"x",
            "The multipart body's content type names no boundary.",
        ),
    ],
)
def test_a_malformed_form_is_a_400(content_type: str, body: bytes, message: str) -> None:
    assert refusal(content_type, body) == (400, message)


@pytest.mark.parametrize(
    ("content_type", "named"),
    [
        ("application/json", "application/json"),
        ("text/plain; charset=utf-8", "text/plain"),
        ("", "no content type"),
        ("multipart/mixed; boundary=b", "multipart/mixed"),
    ],
)
def test_another_content_type_is_a_415(content_type: str, named: str) -> None:
    assert refusal(content_type, b"a=1") == (415, f"A form was expected, not `{named}`.")
