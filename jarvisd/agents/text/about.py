"""How right the figures of plain text are."""

from jarvisd.core.agent import About

ABOUT = About(
    exact="the number and length of lines",
    estimated="tokens, by the length of the text",
    unknowable="everything else",
)
