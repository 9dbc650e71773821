from jarvisd.base.usage import Tokens

ONE = Tokens(
    input=1,
    cache_read=20,
    cache_write_5m=300,
    cache_write_1h=4_000,
    output=50_000,
    reasoning=600,
)


def test_the_prompt_is_all_that_was_sent_however_it_was_billed() -> None:
    assert ONE.prompt_total == 4_321


def test_reasoning_is_inside_output_and_counted_once() -> None:
    assert ONE.total == 54_321


def test_tokens_add_bucket_by_bucket() -> None:
    assert Tokens(1, 2, 3, 4, 5, 6) + Tokens(10, 20, 30, 40, 50, 60) == Tokens(
        11, 22, 33, 44, 55, 66
    )
