"""Notices reach their consumers in the written order, whatever one of them does."""

from typing import NamedTuple

from structlog.testing import capture_logs

from jarvisd.core.publisher import Flushed, Publisher, TreesChanged


def test_consumers_are_called_in_the_order_in_which_they_are_listed() -> None:
    publisher, called = Publisher(), list[tuple[str, NamedTuple]]()
    publisher.connect(
        {
            Flushed: (
                lambda notice: called.append(("first", notice)),
                lambda notice: called.append(("second", notice)),
            )
        }
    )

    publisher.publish(Flushed(3))
    publisher.publish(TreesChanged())

    assert called == [("first", Flushed(3)), ("second", Flushed(3))]


def test_a_consumer_that_fails_costs_no_other_its_notice() -> None:
    publisher, called = Publisher(), list[NamedTuple]()

    def fail(_: Flushed) -> None:
        raise ValueError

    publisher.connect({Flushed: (fail, called.append)})

    with capture_logs() as logs:
        publisher.publish(Flushed(3))

    assert called == [Flushed(3)]
    assert [(each["event"], each["notice"]) for each in logs] == [
        ("consumer.crashed", "Flushed")
    ]
