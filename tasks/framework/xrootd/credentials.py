"""Kerberos tickets, X.509 proxies and bearer tokens: where they lie and until when they hold.

Only times of expiry are read. Nothing else of a credential is kept, and nothing is shown but where
it lies.
"""

import base64
import binascii
import json
import os
import re
import struct
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tasks.framework.errors import UserError

MARGIN = 60
"""Seconds; a credential that ends sooner is taken for expired."""


@dataclass(frozen=True)
class Credential:
    """A credential that was found.

    Attributes:
        kind: krb5, gsi or token.
        place: file, or the name of the variable or collection that holds it.
        expires: when it ends; None when that cannot be read.
    """

    kind: str
    place: str
    expires: datetime | None

    @property
    def is_valid(self) -> bool:
        """Whether it holds for another minute, as far as can be read."""
        return self.expires is None or (self.expires - datetime.now(UTC)).total_seconds() > MARGIN

    def __str__(self) -> str:
        if self.expires is None:
            return f"{NAMES[self.kind]} in {self.place}"
        tense = "valid until" if self.is_valid else "expired at"
        return f"{NAMES[self.kind]} in {self.place} {tense} {self.expires:%Y-%m-%d %H:%M} UTC"


NAMES = {"krb5": "Kerberos ticket", "gsi": "X.509 proxy", "token": "bearer token"}
REMEDIES = {"krb5": "kinit", "gsi": "voms-proxy-init", "token": "htgettoken or oidc-token"}


def require(accepted: Iterable[str], store: str) -> None:
    """Make sure that a credential of an accepted kind is at hand.

    Args:
        accepted: some of krb5, gsi and token; none: nothing is required.
        store: what needs it, for the message.

    Raises:
        UserError: none is there, or all have expired.
    """
    accepted = tuple(accepted)
    unknown = [kind for kind in accepted if kind not in NAMES]
    if unknown:
        raise UserError(
            f"{store}: unknown kind of credentials '{unknown[0]}'; known: {', '.join(NAMES)}"
        )
    found = [credential for kind in accepted if (credential := find(kind))]
    if accepted and not any(credential.is_valid for credential in found):
        state = "; ".join(map(str, found)) or "none found"
        remedy = " or ".join(REMEDIES[kind] for kind in accepted)
        raise UserError(f"{store}: no valid credentials ({state}); renew them with {remedy}")


def find(kind: str) -> Credential | None:
    """The credential of a kind that XRootD would use, None when there is none."""
    return _FINDERS[kind](os.environ)


def _find_ticket(environment: Mapping[str, str]) -> Credential | None:
    """The Kerberos credential cache (krb5.conf(5), KRB5CCNAME)."""
    name = environment.get("KRB5CCNAME", f"FILE:/tmp/krb5cc_{os.getuid()}")
    kind, separator, rest = name.partition(":")
    place = Path(rest if separator and kind == "FILE" else name)
    if separator and kind != "FILE":  # KEYRING, KCM, DIR: only the library can look inside
        return Credential("krb5", name, None) if _klist_agrees() else None
    return _from_file("krb5", place, ticket_expiry)


def _klist_agrees() -> bool:
    try:
        return subprocess.run(["klist", "-s"], check=False, timeout=10).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return True  # the server will tell


def _find_proxy(environment: Mapping[str, str]) -> Credential | None:
    default = f"/tmp/x509up_u{os.getuid()}"  # noqa: S108 - where the grid's tools put it
    return _from_file("gsi", Path(environment.get("X509_USER_PROXY", default)), proxy_expiry)


def _find_token(environment: Mapping[str, str]) -> Credential | None:
    """WLCG bearer token discovery (doi:10.5281/zenodo.3937438)."""
    if environment.get("BEARER_TOKEN"):
        expires = token_expiry(environment["BEARER_TOKEN"].encode())
        return Credential("token", "BEARER_TOKEN", expires)
    if environment.get("BEARER_TOKEN_FILE"):
        return _from_file("token", Path(environment["BEARER_TOKEN_FILE"]), token_expiry)
    for folder in (environment.get("XDG_RUNTIME_DIR"), "/tmp"):  # noqa: S108
        path = Path(folder or "/nonexistent", f"bt_u{os.getuid()}")
        if path.exists():
            return _from_file("token", path, token_expiry)
    return None


_FINDERS = {"krb5": _find_ticket, "gsi": _find_proxy, "token": _find_token}


def _from_file(
    kind: str, place: Path, expiry: Callable[[bytes], datetime | None]
) -> Credential | None:
    try:
        content = place.read_bytes()
    except OSError:
        return None
    try:
        return Credential(kind, str(place), expiry(content))
    except (ValueError, struct.error, IndexError, KeyError):
        return Credential(kind, str(place), None)


def token_expiry(token: bytes) -> datetime | None:
    """The time in the ``exp`` claim of a JSON web token (RFC 7519)."""
    try:
        payload = token.strip().split(b".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)))
    except (IndexError, ValueError, binascii.Error):
        return None
    return datetime.fromtimestamp(claims["exp"], UTC) if "exp" in claims else None


def proxy_expiry(pem: bytes) -> datetime | None:
    """When the first certificate of a PEM chain to expire does."""
    pattern = rb"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----"
    found = [
        _certificate_expiry(base64.b64decode(text)) for text in re.findall(pattern, pem, re.DOTALL)
    ]
    return min(found, default=None)


def _certificate_expiry(der: bytes) -> datetime:
    """The notAfter of an X.509 certificate (RFC 5280, section 4.1).

    Certificate -> tbsCertificate -> [version], serial number, signature, issuer, validity.
    """
    to_be_signed = next(_elements(next(_elements(der))[1]))[1]
    fields = [field for field in _elements(to_be_signed) if field[0] != 0xA0]  # noqa: PLR2004
    _, (tag, text) = _elements(fields[3][1])
    digits = text.decode().rstrip("Z")
    utc_time = 0x17
    if tag == utc_time:  # two digits of the year: 50 to 99 are of the 20th century
        digits = ("19" if digits[:2] >= "50" else "20") + digits
    return datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=UTC)


def _elements(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Tags and contents of DER elements in a row (X.690, section 8.1)."""
    offset = 0
    while offset < len(der):
        tag, length = der[offset], der[offset + 1]
        offset += 2
        if length & 0x80:
            width = length & 0x7F
            length = int.from_bytes(der[offset : offset + width])
            offset += width
        yield tag, der[offset : offset + length]
        offset += length


def ticket_expiry(cache: bytes) -> datetime | None:
    """The latest end of a ticket-granting ticket in a credential cache file.

    Format: MIT Kerberos documentation, "Credential cache file format", versions 3 and 4.
    """
    if cache[:2] not in {b"\x05\x03", b"\x05\x04"}:
        return None
    reader = _Reader(cache, 2)
    if cache[1] == 4:  # noqa: PLR2004 - only version 4 has a header
        reader.skip(reader.number(">H"))
    reader.principal()
    ends = []
    while not reader.at_end:
        reader.principal()
        server = reader.principal()
        reader.skip(2)
        reader.data()
        _, _, end, _ = reader.numbers(">IIII")
        reader.skip(5)
        for _ in range(2):  # addresses, authorisation data
            for _ in range(reader.number(">I")):
                reader.skip(2)
                reader.data()
        reader.data()
        reader.data()
        if server[:1] == [b"krbtgt"]:
            ends.append(end)
    return datetime.fromtimestamp(max(ends), UTC) if ends else None


class _Reader:
    """The parts of a credential cache file, one after the other."""

    def __init__(self, content: bytes, offset: int) -> None:
        self._content = content
        self._offset = offset

    @property
    def at_end(self) -> bool:
        return self._offset >= len(self._content)

    def skip(self, size: int) -> None:
        self._offset += size

    def numbers(self, layout: str) -> tuple[int, ...]:
        found = struct.unpack_from(layout, self._content, self._offset)
        self._offset += struct.calcsize(layout)
        return found

    def number(self, layout: str) -> int:
        return self.numbers(layout)[0]

    def data(self) -> bytes:
        size = self.number(">I")
        self._offset += size
        return self._content[self._offset - size : self._offset]

    def principal(self) -> list[bytes]:
        """The components of a name, without its realm."""
        _, count = self.numbers(">II")
        self.data()
        return [self.data() for _ in range(count)]
