"""What is expected of Qwen Code."""

from tests.conformance.expectations import Expected, Gap

EXPECTED = Expected(
    gaps=(
        Gap(
            reason="tool_call calls the tool that its arguments name",
            runs="corpus/subagent",
            renamed={
                "call_jalphax1x0x0ed58bc2044c": "echo",
                "call_jalphax2x0xab36aa028556": "boom",
            },
        ),
    )
)
