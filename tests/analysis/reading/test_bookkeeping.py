"""The rule of the sum of weights, and every trap of real files."""

import numpy as np
import pytest
import uproot

from analysis.errors import AnalysisError
from analysis.reading.bookkeeping import (
    CutBookkeeper,
    all_executed_events,
    nanoaod_sum_of_weights,
    xaod_sum_of_weights,
)

from .conftest import WriteEvents, bookkeepers

Book = tuple[str, int, str, float]


def xaod_sum(write: WriteEvents, *entries: list[Book]) -> float:
    path = write(ntuples={"MetaData": bookkeepers(list(entries))})
    with uproot.open(path) as root:
        return xaod_sum_of_weights(root, "f.root")


def test_other_cuts_and_weight_variations_do_not_count() -> None:
    books = [
        CutBookkeeper("PHYSKernel", 3, "StreamAOD", 1.0),
        CutBookkeeper("AllExecutedEvents_NonNominalMCWeight_1", 3, "StreamAOD", 2.0),
        CutBookkeeper("AllExecutedEvents", 3, "StreamAOD", 3.0),
    ]
    assert all_executed_events(books) == 3


def test_the_highest_cycle_counts_whatever_the_order() -> None:
    books = [
        CutBookkeeper("AllExecutedEvents", cycle, stream, weights)
        for cycle, stream, weights in (
            (1, "StreamAOD", 2.0),
            (6, "StreamDAOD_PHYSLITE", 7.0),
            (9, "StreamRDO", 9.0),
            (0, "StreamEVGEN", 1.0),
        )
    ]
    assert all_executed_events(books) == 7
    assert all_executed_events(books[::-1]) == 7


def test_nothing_of_a_known_stream_is_none() -> None:
    assert all_executed_events([CutBookkeeper("AllExecutedEvents", 1, "StreamRDO", 1.0)]) is None


def test_equal_entries_of_one_cycle_count_once_and_unequal_are_refused() -> None:
    books = [CutBookkeeper("AllExecutedEvents", 0, s, 2.0) for s in ("StreamAOD", "StreamEVNT")]
    assert all_executed_events(books) == 2
    with pytest.raises(ValueError, match=r"cycle 0 has several: 2\.0, 3\.0"):
        all_executed_events([*books, CutBookkeeper("AllExecutedEvents", 0, "StreamAOD", 3.0)])


def test_entries_of_files_put_together_add_up(write_events: WriteEvents) -> None:
    one = [("AllExecutedEvents", 0, "StreamAOD", 7.0)]
    two = [("AllExecutedEvents", 1, "StreamAOD", -2.5), ("PHYSKernel", 2, "StreamAOD", 1.0)]
    assert xaod_sum(write_events, one, two) == 4.5


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ([("PHYSKernel", 0, "StreamAOD", 1.0)], "no AllExecutedEvents .*but PHYSKernel"),
        ([("AllExecutedEvents", 0, "StreamAOD", np.nan)], "is nan"),
        (
            [("AllExecutedEvents", 0, "StreamAOD", w) for w in (1.0, 2.0)],
            "ambiguous .cycle 0 has several: 1.0, 2.0",
        ),
    ],
)
def test_an_unusable_sum_of_weights_is_a_loud_error(
    write_events: WriteEvents, entry: list[Book], message: str
) -> None:
    with pytest.raises(AnalysisError, match=f"f.root: .*{message}.*give `sum_of_weights`"):
        xaod_sum(write_events, entry)


def test_missing_metadata_is_a_loud_error(write_events: WriteEvents) -> None:
    path = write_events({"Runs": {"x": np.ones(1)}, "MetaData": {"x": np.ones(1)}})
    with uproot.open(path) as root:
        with pytest.raises(AnalysisError, match="MetaData/CutBookkeepersAux cannot be read"):
            xaod_sum_of_weights(root, "f.root")
        with pytest.raises(AnalysisError, match="Runs has no genEventSumw"):
            nanoaod_sum_of_weights(root, "f.root")
    path = write_events({"tree": {"x": np.ones(1)}})
    with uproot.open(path) as root:
        with pytest.raises(AnalysisError, match="has no MetaData tree"):
            xaod_sum_of_weights(root, "f.root")
        with pytest.raises(AnalysisError, match="has no Runs tree"):
            nanoaod_sum_of_weights(root, "f.root")


def test_early_nanoaod_names_its_sum_with_an_underscore(write_events: WriteEvents) -> None:
    path = write_events({"Runs": {"genEventSumw_": np.array([1.0, 2.0])}})
    with uproot.open(path) as root:
        assert nanoaod_sum_of_weights(root, "f.root") == 3
