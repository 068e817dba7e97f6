"""Asking again, and what the user reads in the end."""

import time

import pytest

from tasks.framework.xrootd.errors import (
    CorruptError,
    MissingError,
    RefusedError,
    UnreachableError,
    from_status,
)
from tasks.framework.xrootd.retry import Retry


class Store:
    """Fails with given errors, then answers."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.asked = 0

    def __call__(self):
        self.asked += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


def test_delays_grow_up_to_a_limit_and_differ_between_processes():
    policy = Retry(retries=8, delay=1, longest=10)
    first, second = list(policy.delays()), list(policy.delays())
    assert len(first) == 8
    assert first != second
    for attempt, delay in enumerate(first):
        middle = min(2**attempt, 10)
        assert middle / 2 <= delay <= middle * 1.5


def test_what_could_not_be_asked_is_asked_again():
    store = Store(UnreachableError("x"), CorruptError("x"), UnreachableError("x"))
    assert Retry(retries=3, delay=0)(store, "store 'eos'") == "answer"
    assert store.asked == 4


def test_missing_is_final_and_refused_is_asked_once_more():
    for error, asked in ((MissingError("x"), 1), (RefusedError("x"), 2)):
        store = Store(*[error] * 5)
        with pytest.raises(type(error)):
            Retry(retries=4, delay=0)(store, "store 'eos'")
        assert store.asked == asked


def test_the_last_error_names_the_store_the_attempts_and_the_remedy():
    store = Store(*[UnreachableError("stat root://h//x: Connection error")] * 5)
    with pytest.raises(UnreachableError) as raised:
        Retry(retries=2, delay=0)(store, "store 'eos' (h)")
    assert str(raised.value) == (
        "store 'eos' (h): stat root://h//x: Connection error (asked 3 times); check the network "
        "and the site's status and run again: what is done stays done"
    )


def test_other_errors_pass_at_once():
    store = Store(KeyError("x"))
    with pytest.raises(KeyError):
        Retry(delay=100)(store, "store 'eos'")


def test_no_retries_means_no_waiting():
    start = time.monotonic()
    with pytest.raises(UnreachableError):
        Retry(retries=0, delay=100)(Store(UnreachableError("x")), "store 'eos'")
    assert time.monotonic() - start < 1


def test_a_token_in_a_server_message_is_not_shown():
    status = type(
        "Status",
        (),
        {
            "code": 400,
            "errno": 3010,
            "message": "[ERROR] Server responded with an error: [3010] open /x?authz=Bearer%20abc"
            " denied\n",
        },
    )
    error = from_status(status, "open root://h//x")
    assert isinstance(error, RefusedError)
    assert str(error) == "open root://h//x: open /x?authz=... denied"
