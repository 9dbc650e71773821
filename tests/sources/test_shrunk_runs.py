"""Runs in which the writers once found a mistake, shrunk and kept."""

from collections.abc import Callable
from functools import partial
from random import Random

import pytest

from tests.sources.test_machine import Writers

Step = Callable[[Writers], None]

HALF_A_LINE_IS_ROTATED_AND_A_COPY_TAKES_ITS_NAME: list[Step] = [
    partial(Writers.append_a_part_of_a_line, name="q/1"),
    Writers.look,
    partial(Writers.append_a_part_of_a_line, name="p/1"),
    partial(Writers.rotate, name="q/1"),
    partial(Writers.copy, name="p/1", to="q/1"),
    Writers.look,
]


@pytest.mark.parametrize(
    "then",
    [
        pytest.param(
            [
                Writers.let_time_pass,
                Writers.look,
                partial(Writers.bring_back_a_rotated_file, name="q/1", to="p/2"),
            ],
            id="two unread files of one block took each other's name for ever",
        ),
        pytest.param(
            [
                partial(Writers.bring_back_a_rotated_file, name="q/1", to="q/1"),
                partial(Writers.cut, name="q/1", keep=0.0, new=2, aside=False),
            ],
            id="a rewritten file was read under both of its names",
        ),
        pytest.param(
            [
                partial(Writers.bring_back_a_rotated_file, name="q/1", to="p/2"),
                partial(Writers.cut, name="p/2", keep=0.0, new=1, aside=False),
            ],
            id="a rewritten file had half a line of its past before its first",
        ),
    ],
)
def test_half_a_line_that_is_rotated(then: list[Step]) -> None:
    run([*HALF_A_LINE_IS_ROTATED_AND_A_COPY_TAKES_ITS_NAME, *then])


def test_half_a_line_comes_back_as_a_whole_one_that_another_has_counted() -> None:
    run(
        [
            partial(Writers.append_a_part_of_a_line, name="p/2"),
            Writers.look,
            partial(Writers.append_a_part_of_a_line, name="p/1"),
            Writers.look,
            partial(Writers.append_a_part_of_a_line, name="p/1"),
            partial(Writers.rename, name="p/1", to="p/2"),
            Writers.look,
            partial(Writers.rename, name="p/2", to="p/1"),
        ]
    )


def test_half_a_line_comes_back_and_goes_on_where_two_have_read_it() -> None:
    run(
        [
            *[partial(Writers.append_a_part_of_a_line, name="p/1")] * 3,
            partial(Writers.append_a_part_of_a_line, name="p/2"),
            Writers.look,
            partial(Writers.rename, name="p/1", to="p/2"),
            Writers.look,
            partial(Writers.rename, name="p/2", to="p/1"),
            partial(Writers.append_a_part_of_a_line, name="p/1"),
        ]
    )


@pytest.mark.parametrize("aside", [False, True])
def test_a_file_that_was_edited_and_then_cut_is_counted_once(*, aside: bool) -> None:
    run(
        [
            partial(Writers.append, name="p/1", count=1),
            partial(
                Writers.empty_look_and_fill_again, name="p/1", count=200, is_edited=True
            ),
            partial(Writers.cut, name="p/1", keep=0.5, new=0, aside=aside),
            partial(
                Writers.empty_look_and_fill_again, name="p/1", count=0, is_edited=False
            ),
        ]
    )


def run(steps: list[Step]) -> None:
    """Take *steps*, and look once more."""
    writers = Writers()
    try:
        for step in steps:
            step(writers)
            writers.nothing_is_counted_too_often()

        writers.look()
        writers.nothing_is_counted_too_often()
    finally:
        writers.teardown()


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param(
            [
                partial(Writers.append, count=1, name="p/2"),
                Writers.look,
                partial(Writers.rename, name="p/2", to="p/1"),
                partial(Writers.cut, name="p/1", keep=0.0, new=1, aside=False),
                partial(Writers.cut, name="p/1", keep=1.0, new=0, aside=True),
            ],
            id="what was written over and then moved on was read twice",
        ),
        pytest.param(
            [
                partial(Writers.append, count=2, name="p/1"),
                partial(Writers.append_a_part_of_a_line, name="p/2"),
                Writers.look,
                Writers.restart,
                partial(Writers.rename, name="p/1", to="p/2"),
                partial(Writers.append_a_part_of_a_line, name="p/1"),
            ],
            id="what took another's name was read twice if its own was looked at first",
        ),
        *[
            pytest.param(
                [
                    *[partial(Writers.append_a_part_of_a_line, name="p/2")] * 2,
                    partial(Writers.copy, name="p/2", to="p/1"),
                    Writers.restart,
                    partial(Writers.append, name="p/1", count=1),
                    partial(Writers.look, order=Random(seed)),
                    Writers.restart,
                    partial(Writers.rename, name="p/1", to="p/2"),
                    partial(Writers.look, order=Random(seed)),
                ],
                id="what took the name of its own beginning was read twice" + order,
            )
            for seed, order in ((0, ""), (1, ", other order"))
        ],
        pytest.param(
            [
                partial(Writers.append, name="p/2", count=1),
                partial(Writers.append, name="p/1", count=3),
                Writers.look,
                partial(Writers.rotate, name="p/1"),
                partial(Writers.link, name="p/2", to="p/1"),
                Writers.restart,
                Writers.look,
                partial(Writers.append, name="p/2", count=2),
                Writers.look,
                partial(Writers.rotate, name="p/1"),
            ],
            id="a hard link that was not read was read once it was moved",
        ),
        pytest.param(
            [
                partial(Writers.append, name="p/1", count=1),
                Writers.look,
                Writers.restart,
                partial(Writers.delete, name="p/1"),
                partial(Writers.append, name="p/2", count=1),
                Writers.look,
                partial(Writers.rename, name="p/2", to="p/1"),
            ],
            id="what took the name of one whose inode it has was read twice",
        ),
        *[
            pytest.param(
                [
                    partial(Writers.append, name="p/1", count=2),
                    Writers.look,
                    Writers.restart,
                    partial(Writers.append, name="p/1", count=1),
                    partial(Writers.rename, name="p/1", to="p/2"),
                    partial(Writers.append, name="p/1", count=2),
                    partial(Writers.look, order=Random(seed)),
                ],
                id="a file renamed while no daemon ran waited for ever" + order,
            )
            for seed, order in ((0, ""), (1, ", new name first"))
        ],
    ],
)
def test_what_is_moved_is_read_once(steps: list[Step]) -> None:
    writers = Writers()
    try:
        for step in (*steps, Writers.look):
            step(writers)
            writers.nothing_is_counted_too_often()
    finally:
        writers.teardown()
