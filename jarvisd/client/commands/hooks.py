"""x."""
from jarvisd.client.parser import Subparsers, declare
def add(s: Subparsers) -> None:
    declare(s, "hooks", lambda _: 0, examples="")
