"""Kerberos credential caches as kinit leaves them (MIT format, version 4)."""

import struct
from datetime import UTC, datetime


def credential_cache(end: datetime) -> bytes:
    """The content of a cache with a ticket-granting ticket that ends at a time."""
    configuration = _principal(b"krb5_ccache_conf_data", b"fast_avail")
    return (
        b"\x05\x04"
        + struct.pack(">H", 0)
        + _principal(b"user")
        + _credential(configuration, datetime.fromtimestamp(0, UTC))
        + _credential(_principal(b"krbtgt", b"CERN.CH"), end)
    )


def _data(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + content


def _principal(*names: bytes) -> bytes:
    head = struct.pack(">II", 1, len(names)) + _data(b"CERN.CH")
    return head + b"".join(map(_data, names))


def _credential(server: bytes, end: datetime) -> bytes:
    times = struct.pack(">IIII", 0, 0, int(end.timestamp()), 0)
    key = struct.pack(">H", 18) + _data(b"k" * 32)
    nothing = struct.pack(">I", 0)
    ticket = _data(b"ticket") + _data(b"")
    return _principal(b"user") + server + key + times + bytes(5) + nothing * 2 + ticket
