"""What a person has to see to, by the agents' own words for the kind of an error.

The words are those of the providers' answers, which Claude Code and Codex pass on.
"""

from jarvisd.core.event import Trouble

TROUBLES = {
    "authentication_failed": Trouble.LOGGED_OUT,
    "unauthorized": Trouble.LOGGED_OUT,
    "billing_error": Trouble.BILLING,
}
