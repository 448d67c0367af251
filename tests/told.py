"""How tests compare the texts of errors whose hints test_fifty_mistakes.py holds."""

from __future__ import annotations


def says(error: BaseException | str, expected: str) -> bool:
    """Tell whether an error reads as expected; its hint counts if the expected text has one."""
    text = str(error)
    if "\n  Hint: " not in expected:
        text = text.partition("\n  Hint: ")[0]
    assert text == expected
    return True
