"""Asking again: growing delays with jitter, then the error."""

import logging
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from tasks.framework.xrootd.errors import StoreError

logger = logging.getLogger(__name__)
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Retry:
    """How often and how soon to ask a store again.

    Attributes:
        retries: further attempts after the first one, for a store that could not be asked.
        delay: before the second attempt, in seconds.
        longest: limit of the delay, which doubles from attempt to attempt, in seconds.
    """

    retries: int = 4
    delay: float = 1.0
    longest: float = 60.0

    def delays(self) -> Iterator[float]:
        """Seconds to wait before each further attempt, between half and one and a half of it.

        The jitter keeps the jobs of a batch from coming back all at once.
        """
        for attempt in range(self.retries):
            middle = min(self.delay * 2**attempt, self.longest)
            yield middle * random.uniform(0.5, 1.5)  # noqa: S311

    def __call__(self, request: Callable[[], Answer], store: str) -> Answer:
        """The answer to ``request``.

        Raises:
            StoreError: the last attempt's error, with the store's name and the remedy.
        """
        delays = self.delays()
        attempt = 1
        while True:
            try:
                return request()
            except StoreError as error:
                final = error.attempts is not None and attempt >= error.attempts
                delay = None if final else next(delays, None)
                if delay is None:
                    raise _told(error, store, attempt) from error
                logger.debug("%s: %s; asking again in %.1f s", store, error, delay)
            attempt += 1
            time.sleep(delay)


def _told(error: StoreError, store: str, attempts: int) -> StoreError:
    """The same error, as the user reads it."""
    tried = f" (asked {attempts} times)" if attempts > 1 else ""
    remedy = f"; {error.remedy}" if error.remedy else ""
    return type(error)(f"{store}: {error}{tried}{remedy}")
