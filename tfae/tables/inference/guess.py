"""Guesses from some texts of a column whether they are numbers, times, or just text."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Sequence

from tfae.tables.cells import ISO
from tfae.tables.reading.dialect import MISSING_NUMBERS, reads_as_number

NUMBER, TEXT = "number", "text"
AMBIGUOUS = "day or month"
"""Dates of which nothing says whether the day or the month comes first."""

_LEADING_ZERO = re.compile(r"[+-]?0\d")
_ISO = re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d(:?\d\d)?)?)?")
_DATES = (
    *("%Y/%m/%d", "%d.%m.%Y", "%d %b %Y", "%d-%b-%Y"),
    *("%m/%d/%Y", "%d/%m/%Y", "%m-%d-%Y", "%d-%m-%Y"),
)
_TIMES = ("", " %H:%M", " %H:%M:%S")
_FEW, _RARE = 0.1, 0.001


def guess(texts: Sequence[str], decimal: str = ".") -> str:
    """Guesses what texts are, judging by the exceptions.

    Texts are numbers with mistakes among them if at most a thousandth of them are not numbers, or
    if at most a tenth are not and there are five times as many different numbers as other texts.
    But if a few numbers recur, such as 3, 4, 5, 6 and "rotary", they are categories. Numbers that
    begin with a zero are codes, hence text.

    Args:
        texts: Some texts of a column; none is missing.
        decimal: The decimal sign of numbers.

    Returns:
        `NUMBER`; `TEXT`; `ISO` or a format of `strptime` for times; `AMBIGUOUS`.
    """
    texts = [text for text in map(str.strip, texts) if text not in ("", *MISSING_NUMBERS)]
    if not texts:
        return TEXT

    def is_a_number(text: str) -> bool:
        return reads_as_number(text.replace(",", ".") if decimal == "," else text)

    if not any(map(_LEADING_ZERO.match, texts)) and _most(texts, is_a_number):
        return NUMBER
    if _most(texts, is_iso):
        return ISO
    fitting = [
        date + time
        for date in _DATES
        for time in _TIMES
        if _fits(date + time)(texts[0]) and _most(texts, _fits(date + time))
    ]
    best = [f for f in fitting if all(map(_fits(f), texts))] or fitting
    if len(best) > 1:
        return AMBIGUOUS
    return best[0] if best else TEXT


def is_iso(text: str) -> bool:
    """Whether a text is a date or time such as 2014-07-01 14:30:00."""
    if not _ISO.fullmatch(text):
        return False
    try:
        datetime.datetime.fromisoformat(text[:10])
    except ValueError:
        return False
    return True


def _most(texts: Sequence[str], fits: Callable[[str], bool]) -> bool:
    """Whether all fit, or so few do not that these are mistakes."""
    others = [text for text in texts if not fits(text)]
    if not others:
        return True
    if len(others) <= _RARE * len(texts):
        return True
    fitting = len(set(texts)) - len(set(others))
    are_categories = fitting <= 12 and 3 * fitting <= len(texts)
    few = len(others) <= _FEW * len(texts) and fitting >= 5 * len(set(others))
    return few and not are_categories


def _fits(time_format: str) -> Callable[[str], bool]:
    def fits(text: str) -> bool:
        try:
            datetime.datetime.strptime(text, time_format)
        except ValueError:
            return False
        return True

    return fits
