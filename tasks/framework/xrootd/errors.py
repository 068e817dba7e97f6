"""What a store can answer, as exceptions: missing is one thing, refused or unreachable another.

Each class is also the built-in exception that the same operation on a local file raises, so code
written for local targets catches the same names.
"""

import re
from typing import Any, ClassVar

from tasks.framework.errors import UserError

# Error numbers of the XRootD protocol specification, section "Error codes" (kXR_*).
_FS_ERROR, _NO_SPACE, _NOT_AUTHORIZED, _NOT_FOUND = 3005, 3009, 3010, 3011
_UNSUPPORTED, _NOT_FILE, _IS_DIRECTORY, _EXISTS = 3013, 3015, 3016, 3018
_CHECKSUM, _OVER_QUOTA, _READ_ONLY, _AUTH_FAILED = 3019, 3021, 3025, 3030
_INVALID_REQUEST, _TLS_REQUIRED = 3006, 3028
# Status codes of the client (XrdCl/XrdClStatus.hh).
_CLIENT_LOGIN_FAILED, _CLIENT_AUTH_FAILED, _CLIENT_NOT_FOUND = 203, 204, 304
EXPIRED = 206
_CLIENT_TIMEOUT = (103, EXPIRED)
_SERVER_ANSWERED = 400

_PREFIXES = re.compile(r"^\[\w+\] |Server responded with an error: (\[\d+\] )?")
_SECRET = re.compile(r"\b(authz|access_token|bearer)(=|%20|\s)\S+", re.IGNORECASE)


class StoreError(UserError, OSError):
    """A store did not do what was asked.

    Class attributes:
        attempts: how often to ask at most before this error is final; None leaves it to the store.
        remedy: what the user can do, one clause.
    """

    attempts: ClassVar[int | None] = 1
    remedy: ClassVar[str] = ""


class MissingError(StoreError, FileNotFoundError):
    """The server answered that there is no such file or directory."""


class ExistsError(StoreError, FileExistsError):
    """There is something at this place already."""


class WrongKindError(StoreError, NotADirectoryError):
    """A directory where a file is needed, a file where a directory is, or a directory in use."""


class UnsupportedError(StoreError):
    """The server does not know this request."""


class RefusedError(StoreError, PermissionError):
    """The server knows what is asked and does not allow it to this identity."""

    attempts = 2
    remedy = "renew your credentials (kinit, or voms-proxy-init) and check that you may write there"


class NoSpaceError(StoreError):
    """The disk or the quota is used up."""

    attempts = 2
    remedy = "free space there, or choose another store with --store"


class UnreachableError(StoreError, ConnectionError):
    """Nobody could be asked: server down, no answer in time, connection lost."""

    attempts = None
    remedy = "check the network and the site's status and run again: what is done stays done"


class CorruptError(StoreError):
    """What arrived is not what was sent."""

    attempts = None
    remedy = "run again; if it stays, tell the site"


_BY_SERVER_CODE: dict[int, type[StoreError]] = {
    _NOT_FOUND: MissingError,
    _EXISTS: ExistsError,
    _NOT_FILE: WrongKindError,
    _IS_DIRECTORY: WrongKindError,
    _NO_SPACE: NoSpaceError,
    _OVER_QUOTA: NoSpaceError,
    _NOT_AUTHORIZED: RefusedError,
    _READ_ONLY: RefusedError,
    _AUTH_FAILED: RefusedError,
    _TLS_REQUIRED: RefusedError,
    _UNSUPPORTED: UnsupportedError,
    _INVALID_REQUEST: UnsupportedError,
    _CHECKSUM: CorruptError,
}


def kind_of(code: int, errno: int, message: str) -> type[StoreError]:
    """The exception for a failed request.

    Args:
        code: the client's status code; 400 says that the server answered with an error.
        errno: the protocol's error number in that case.
        message: the server's words; kXR_FSError has many reasons and only they tell which.

    >>> kind_of(400, 3011, "no such file").__name__, kind_of(206, 0, "Operation expired").__name__
    ('MissingError', 'UnreachableError')
    """
    if code == _SERVER_ANSWERED:
        if errno == _FS_ERROR:
            of_directories = "not a directory" in message or "not empty" in message
            return WrongKindError if of_directories else UnreachableError
        return _BY_SERVER_CODE.get(errno, UnreachableError)
    if code == _CLIENT_NOT_FOUND:
        return MissingError
    if code in {_CLIENT_LOGIN_FAILED, _CLIENT_AUTH_FAILED}:
        return RefusedError
    return UnreachableError


def from_status(status: Any, what: str) -> StoreError:
    """The exception for the status of a request, its reason in the server's or plain words.

    Args:
        status: an XRootDStatus that is not ok.
        what: the request and what it was about, such as ``stat root://host//path``.
    """
    words = " ".join(str(status.message).split())
    reason = "no answer in time" if status.code in _CLIENT_TIMEOUT else _PREFIXES.sub("", words)
    kind = kind_of(status.code, status.errno, words)
    return kind(without_secrets(f"{what}: {reason}"))


def without_secrets(text: str) -> str:
    """``text`` without the tokens that URLs and server messages can carry.

    >>> without_secrets("open root://host//file?authz=Bearer%20abc: no such file")
    'open root://host//file?authz=...'
    """
    return _SECRET.sub(r"\1=...", text)
