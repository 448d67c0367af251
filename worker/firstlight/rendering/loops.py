"""The `loop` of templates that need more of it than a counter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firstlight.rendering.undefined import missing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any


class LoopContext:
    """Iterates as `for` does, and knows where it is: looks ahead only when it is asked to.

    Args:
        iterable: What to loop over.
        undefined: Makes what stands for the items before the first and after the last.
        recurse: Renders the loop's body for other items, where the loop is `recursive`.
        depth0: How deep this loop is in itself.
    """

    index0 = -1
    _length: int | None = None
    _after: Any = missing
    _current: Any = missing
    _before: Any = missing
    _last_changed_value: Any = missing

    def __init__(
        self,
        iterable: Iterable[Any],
        undefined: Callable[[str], Any],
        recurse: Callable[..., str] | None = None,
        depth0: int = 0,
    ) -> None:
        self._iterable: Any = iterable
        self._iterator = iter(iterable)
        self._undefined = undefined
        self._recurse = recurse
        self.depth0 = depth0

    def __iter__(self) -> LoopContext:
        return self

    def __next__(self) -> tuple[Any, LoopContext]:
        if self._after is missing:
            value = next(self._iterator)
        else:
            value, self._after = self._after, missing
        self.index0 += 1
        self._before, self._current = self._current, value
        return value, self

    def __len__(self) -> int:
        return self.length

    @property
    def length(self) -> int:
        """How many items there are; takes all that are left of what cannot tell."""
        if self._length is None:
            try:
                self._length = len(self._iterable)
            except TypeError:
                rest = list(self._iterator)
                self._iterator = iter(rest)
                self._length = len(rest) + self.index + (self._after is not missing)
        return self._length

    @property
    def index(self) -> int:
        """The number of the item, from 1."""
        return self.index0 + 1

    @property
    def revindex(self) -> int:
        """How many items are left, this one included."""
        return self.length - self.index0

    @property
    def revindex0(self) -> int:
        """How many items are left after this one."""
        return self.length - self.index

    @property
    def depth(self) -> int:
        """How deep this loop is in itself, from 1."""
        return self.depth0 + 1

    @property
    def first(self) -> bool:
        """Whether this is the first item."""
        return self.index0 == 0

    @property
    def last(self) -> bool:
        """Whether this is the last item; takes the next one to know."""
        return self._next() is missing

    @property
    def previtem(self) -> Any:
        """The item before."""
        return self._undefined("there is no previous item") if self.first else self._before

    @property
    def nextitem(self) -> Any:
        """The item after."""
        following = self._next()
        return self._undefined("there is no next item") if following is missing else following

    def cycle(self, *args: Any) -> Any:
        """Return the value whose turn it is."""
        if not args:
            raise TypeError("no items for cycling given")
        return args[self.index0 % len(args)]

    def changed(self, *value: Any) -> bool:
        """Tell whether it was called with other values before, or not at all."""
        if self._last_changed_value == value:
            return False
        self._last_changed_value = value
        return True

    def __call__(self, iterable: Iterable[Any]) -> str:
        """Render the body for other items, one level deeper."""
        if self._recurse is None:
            raise TypeError("The loop must have the 'recursive' marker to be called recursively.")
        return self._recurse(iterable, self._recurse, depth=self.depth)

    def __repr__(self) -> str:
        return f"<LoopContext {self.index}/{self.length}>"

    def _next(self) -> Any:
        if self._after is missing:
            self._after = next(self._iterator, missing)
        return self._after


class Peeked(LoopContext):
    """The same, for loops that have their own counter: gives the items alone."""

    def __next__(self) -> Any:
        return super().__next__()[0]
