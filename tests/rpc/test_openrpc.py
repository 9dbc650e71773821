"""The OpenRPC document is what the repository says it is, and speaks of every method."""

from pathlib import Path

import msgspec

from jarvisd.base.errors import ERROR_NUMBERS
from jarvisd.rpc.discover import document
from jarvisd.rpc.wire import METHODS, NOTIFICATIONS


def test_the_protocol_changes_only_on_purpose(
    repository: Path, *, update_golden: bool
) -> None:
    """Run `pytest --update-golden` to accept a change; only ever add."""
    golden = repository / "docs" / "openrpc.golden.json"
    made = msgspec.json.format(msgspec.json.encode(document()), indent=2) + b"\n"
    if update_golden:
        golden.write_bytes(made)

    assert golden.read_bytes() == made


def test_every_method_is_described() -> None:
    made = document()

    assert [each["name"] for each in made["methods"]] == list(METHODS)
    assert all(each["summary"] for each in made["methods"])
    assert {each["name"] for each in made["x-notifications"]} == set(NOTIFICATIONS)
    assert {each["kind"] for each in made["x-errors"]} == set(ERROR_NUMBERS)


def test_every_reference_leads_somewhere() -> None:
    made = document()
    text = msgspec.json.encode(made).decode()
    names = {part.partition('"')[0] for part in text.split("#/components/schemas/")[1:]}

    assert names <= set(made["components"]["schemas"])
