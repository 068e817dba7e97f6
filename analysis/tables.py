"""Results as text, for a terminal of 100 columns."""

from collections.abc import Mapping, Sequence
from typing import Any


def limits_table(results: Sequence[Mapping[str, Any]]) -> str:
    """Observed and expected limits of several signals, a line each.

    Args:
        results: contents of ``limits.json``, in the order of the lines; the limit on the cross
            section is there if that is known.

    Returns:
        Lines without a final newline. Signals that are synthetic are marked, and every warning
        is listed once below.
    """
    width = max(len(result["signal"]) for result in results) + 2
    titles = f"{'observed':>9} {'expected':>9}    {'-2s':>8} {'-1s':>8} {'+1s':>8} {'+2s':>8}"
    lines = [f"{'signal':{width}} {titles}  {'sigma95 [fb]':>12}"]
    for result in results:
        mu, sigma = result["mu95"], result.get("sigma95_fb", {"observed": None})
        two_down, one_down, median, one_up, two_up = mu["expected"]
        mark = " *" if result["synthetic"] else ""
        lines.append(
            f"{result['signal'] + mark:{width}} {_number(mu['observed']):>9} "
            f"{_number(median):>9}    {_number(two_down):>8} {_number(one_down):>8} "
            f"{_number(one_up):>8} {_number(two_up):>8}  {_number(sigma['observed']):>12}"
        )
    if any(result["synthetic"] for result in results):
        lines.append("* synthetic sample, not an experiment's simulation")
    lines += [
        f"{result['signal']}: {warning}" for result in results for warning in result["warnings"]
    ]
    return "\n".join(lines)


def _number(value: float | None) -> str:
    """Four significant digits.

    >>> _number(0.22440246), _number(12345.678), _number(None)
    ('0.2244', '1.235e+04', 'none')
    """
    return "none" if value is None else f"{value:.4g}"
