"""Typed access to one mapping of a catalogue; every error says file, entry, key and remedy."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import NoReturn, TypeVar

from analysis.catalogue.values import name, shown, suggestion
from analysis.errors import AnalysisError

T = TypeVar("T")
D = TypeVar("D")


@dataclass(frozen=True)
class Section:
    """A mapping in a catalogue.

    Attributes:
        file: path of the catalogue as errors tell it.
        entry: dotted keys that lead here, such as ``signals.zh_llbb``; empty at the top.
        values: what stands there, by key.
    """

    file: str
    entry: str
    values: Mapping[str, object]

    @classmethod
    def of(cls, file: str, entry: str, value: object, keys: Collection[str] | None) -> "Section":
        """Check a raw value to be a mapping of known keys.

        Args:
            file: path of the catalogue as errors tell it.
            entry: dotted keys that lead to the value.
            value: what YAML gave.
            keys: those that may occur; None where the user names the keys.

        Raises:
            AnalysisError: it is no mapping, a key is unknown or no valid name.
        """
        place = cls(file, entry, {})
        if value is None:
            place.fail("is empty: give it a value or leave it out")
        if not isinstance(value, dict):
            place.fail(f"{shown(value)} must be a mapping, with keys such as {_some(keys)}")
        for key in value:
            if keys is None:
                place.check(key, name)
            elif key not in keys:
                place.fail(f"unknown key {shown(key)}{suggestion(key, keys)}")
        return cls(file, entry, value)

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def fail(self, message: str, key: str = "") -> NoReturn:
        """Raise the error of this section, or of one of its keys."""
        place = ".".join(part for part in (self.entry, key) if part)
        raise AnalysisError(": ".join(part for part in (self.file, place, message) if part))

    def check(self, value: object, parse: Callable[[object], T], key: str = "") -> T:
        """Parse a value, and tell the place if that fails."""
        try:
            return parse(value)
        except AnalysisError as error:
            self.fail(str(error), key)

    def required(self, key: str, parse: Callable[[object], T]) -> T:
        """The value of a key that must be there."""
        if key not in self.values:
            self.fail(f"the key '{key}' is missing: add it")
        if self.values[key] is None:
            self.fail("is empty: give it a value", key)
        return self.check(self.values[key], parse, key)

    def optional(self, key: str, parse: Callable[[object], T], default: D) -> T | D:
        """The value of a key that may be left out."""
        return self.required(key, parse) if key in self.values else default

    def subsection(self, key: str, keys: Collection[str] | None) -> "Section":
        """The mapping under a key, empty when the key is left out."""
        entry = f"{self.entry}.{key}" if self.entry else key
        return Section.of(self.file, entry, self.values.get(key, {}), keys)


def _some(keys: Collection[str] | None) -> str:
    return ", ".join(f"'{key}'" for key in list(keys or ["my_name"])[:3])
