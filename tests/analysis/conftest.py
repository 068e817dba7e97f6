"""Events in memory for the tests of the physics."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from analysis.events import EventChunk, Jets

Jet = tuple[float, float, float, float]
"""pt and m in GeV at the ends, eta and phi between."""


def make_chunk(
    events: Sequence[Sequence[Jet]],
    weights: Sequence[float] | None = None,
    extra: dict[str, np.ndarray] | None = None,
    event_extra: dict[str, np.ndarray] | None = None,
) -> EventChunk:
    """A chunk of ATLAS events (MeV, float32) from jets (pt, eta, phi, m) in GeV."""
    flat = np.array([jet for event in events for jet in event], np.float32).reshape(-1, 4)
    offsets = np.concatenate([[0], np.cumsum([len(event) for event in events])]).astype(np.int64)
    mega = np.float32(1000)
    return EventChunk(
        jets=Jets(
            pt=flat[:, 0] * mega,
            eta=flat[:, 1],
            phi=flat[:, 2],
            m=flat[:, 3] * mega,
            offsets=offsets,
            gev=0.001,
            extra=extra or {},
        ),
        weights=np.ones(len(events)) if weights is None else np.array(weights, np.float64),
        extra=event_extra or {},
    )


@pytest.fixture
def chunk_of() -> Callable[..., EventChunk]:
    return make_chunk
