"""Numbers for people: counts, sizes, durations and moments, in a few characters."""

MS_PER_S = 1000
ABSENT = "-"
CENT_MICROS = 10_000
LESS_THAN_A_CENT = "<$0.01"
"""What costs next to nothing is not shown as free."""

_COUNT_UNITS = ("", "k", "M", "G", "T")
_SIZE_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_SPANS = ((86_400, "d"), (3_600, "h"), (60, "m"))


def count(number: int) -> str:
    """Return *number* in at most four digits: `987`, `1.2k`, `34k`, `5.6M`."""
    value, unit = _scaled(number, len(_COUNT_UNITS))
    return f"{_short(value, exact=unit == 0)}{_COUNT_UNITS[unit]}"


def number_of(number: int, noun: str) -> str:
    """Return how many there are: `1 line`, `1,200 lines`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def dollars(micros: int) -> str:
    """Return micro-dollars: `<$0.01`, `$0.04`, `$12.30`, from a thousand on `$1.2k`."""
    if 0 < micros < CENT_MICROS:
        return LESS_THAN_A_CENT

    value = micros / 1e6
    return f"${value:.2f}" if value < 999.995 else f"${count(round(value))}"


def size(number_bytes: int) -> str:
    """Return a size in powers of 1,000: `12 B`, `1.2 MB`."""
    value, unit = _scaled(number_bytes, len(_SIZE_UNITS))
    return f"{_short(value, exact=unit == 0)} {_SIZE_UNITS[unit]}"


def size_of(done_bytes: int, total_bytes: int) -> str:
    """Return a part and its whole in the unit of the whole: `1.2 of 4.0 GB`."""
    _, unit = _scaled(total_bytes, len(_SIZE_UNITS))
    digits = 1 if unit else 0
    done, total = (each / 1000**unit for each in (done_bytes, total_bytes))
    return f"{done:.{digits}f} of {total:.{digits}f} {_SIZE_UNITS[unit]}"


def _scaled(number: float, units: int) -> tuple[float, int]:
    unit = 0
    # 999.5 would be shown as 1000.
    while abs(number) >= 999.5 and unit < units - 1:
        number /= 1000
        unit += 1

    return number, unit


def _short(value: float, *, exact: bool) -> str:
    return f"{value:.0f}" if exact or abs(value) >= 9.95 else f"{value:.1f}"


def duration(seconds: float) -> str:
    """Return a span in its two largest units: `40 ms`, `18 s`, `3 m 20 s`, `2 d 4 h`."""
    if 0 < seconds < 0.9995:
        return f"{1000 * seconds:.0f} ms"

    left = max(0, round(seconds))
    for span, unit in _SPANS:
        if left >= span:
            return f"{left // span} {unit}{_next_smaller(left % span, span)}"

    return f"{left} s"


def _next_smaller(left: int, span: int) -> str:
    smaller, unit = {86_400: (3_600, "h"), 3_600: (60, "m"), 60: (1, "s")}[span]
    return f" {left // smaller} {unit}" if left >= smaller else ""


def ago(at_ms: int | None, now_ms: int) -> str:
    """Return how long ago *at_ms* was, in one unit: `now`, `12s`, `5m`, `3h`, `2d`."""
    if at_ms is None:
        return ABSENT

    passed_s = (now_ms - at_ms) // MS_PER_S
    for span, unit in _SPANS:
        if passed_s >= span:
            return f"{passed_s // span}{unit}"

    return f"{passed_s}s" if passed_s >= 2 else "now"


def moment(at_ms: int | None, now_ms: int) -> str:
    """Return when something happened, in words: `never`, `just now`, `5m ago`."""
    match ago(at_ms, now_ms):
        case "-":
            return "never"
        case "now":
            return "just now"
        case passed:
            return f"{passed} ago"


def rate(per_s: float) -> str:
    """Return lines per second, or a dash when there is next to nothing."""
    if per_s < 0.005:
        return ABSENT

    return f"{per_s:.2f}/s" if per_s < 1 else f"{_short(per_s, exact=False)}/s"
