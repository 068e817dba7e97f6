"""A progress bar for long reading, on a terminal only."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def counting_events(title: str) -> Iterator[Callable[[int], object]]:
    """Show how many events have been read, once that takes more than two seconds.

    Args:
        title: in front of the bar.

    Yields:
        The function to call with the number of events of each chunk.
    """
    from tqdm import tqdm

    # disable=None: no bar where stderr is not a terminal
    with tqdm(
        desc=title, unit=" events", unit_scale=True, disable=None, leave=False, delay=2
    ) as bar:
        yield bar.update
