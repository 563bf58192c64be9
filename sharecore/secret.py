"""Hold a credential so that nothing shows it."""

from __future__ import annotations

from typing import NoReturn, Self, SupportsIndex

from sharecore.secrets import register


class Secret:
    """A text that shows itself in no log, repr, page or traceback; only `reveal` returns it.

    Making a secret registers its text as a credential: from then on no reason, problem or other text that is
    kept or shown repeats it (`sharecore.secrets`). A secret cannot be pickled.

    Args:
        text: credential.
        place: place where a person corrects it, for messages.
        example: True for a text that only stands for a credential: it is not registered.

    Attributes:
        place: place where a person corrects it, such as `DATA_SHARING['x']['API_KEY']`, or a field of the
            profile page.
    """

    __slots__ = ("_example", "_text", "place")

    def __init__(self, text: str, *, place: str = "the settings", example: bool = False) -> None:
        self._text = text
        self._example = example
        self.place = place
        if not example:
            register(text)

    def reveal(self) -> str:
        """Return the text itself, for the request that needs it."""
        if not self._example:
            register(self._text)  # again, should so many have come since that it was forgotten
        return self._text

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("A Secret cannot be pickled, since its text would be in the file. Pickle its name.")

    def __getstate__(self) -> NoReturn:
        self.__reduce_ex__(0)

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return "Secret(…)" if self._text else "Secret()"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(("Secret", self._text))
