"""Completions for bash, zsh and fish, written from the parser as static scripts.

Static, because running Python at every TAB would take longer than typing the word.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass

from jarvisd.cli.parser import Parser


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option by all its names; *takes* is what follows it, if anything does."""

    names: tuple[str, ...]
    help: str
    takes: str | None
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command: its words may be names of commands, or fixed words of its own."""

    name: str
    help: str
    options: tuple[Option, ...]
    commands: "tuple[Command, ...]"
    words: tuple[str, ...]


def describe(parser: Parser, *, name: str = "jarvisctl", summary: str = "") -> Command:
    """Return the commands and options of *parser* for completions and man pages."""
    options, commands, words = [], [], []
    for action in parser._actions:  # noqa: SLF001 - argparse has no other way to look
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - argparse offers no other way
            commands += _described(action)
        elif action.option_strings:
            options.append(_option(action))
        elif action.choices:
            words += [str(each) for each in action.choices]

    return Command(
        name=name,
        help=summary,
        options=tuple(options),
        commands=tuple(commands),
        words=tuple(words),
    )


def _described(action: "argparse._SubParsersAction[Parser]") -> list[Command]:
    summaries = {each.dest: each.help or "" for each in action._choices_actions}  # noqa: SLF001 - argparse offers no other way
    return [
        describe(parser, name=name, summary=summaries[name])
        for name, parser in action.choices.items()
    ]


def _option(action: argparse.Action) -> Option:
    takes = None if action.nargs == 0 else str(action.metavar or action.dest)
    return Option(
        names=tuple(action.option_strings),
        help=action.help or "",
        takes=takes,
        choices=tuple(map(str, action.choices or ())),
    )


def words_after(command: Command) -> list[str]:
    """Return everything that may follow *command*."""
    options = [name for option in command.options for name in option.names]
    return [*(each.name for each in command.commands), *command.words, *options]


def bash(top: Command) -> str:
    """Return the script for bash."""
    cases = "\n".join(
        f"        {each.name}) words={_shell(' '.join(_all_words(each)))} ;;"
        for each in top.commands
    )
    return f"""\
# bash completion for jarvisctl
_jarvisctl() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} words={_shell(" ".join(words_after(top)))}
    [[ $COMP_CWORD -gt 1 ]] && case ${{COMP_WORDS[1]}} in
{cases}
    esac
    COMPREPLY=($(compgen -W "$words" -- "$word"))
}}
complete -o default -F _jarvisctl jarvisctl
"""


def _all_words(command: Command) -> list[str]:
    choices = [each for option in command.options for each in option.choices]
    inner = [word for each in command.commands for word in words_after(each)]
    return list(dict.fromkeys([*words_after(command), *choices, *inner]))


def zsh(top: Command) -> str:
    """Return the script for zsh."""
    names = "\n".join(f"        {_shell(_zsh_pair(each))}" for each in top.commands)
    cases = "\n".join(
        f"        {each.name}) {_zsh_arguments(each)} ;;" for each in top.commands
    )
    return f"""\
#compdef jarvisctl
_jarvisctl() {{
    local -a commands=(
{names}
    )
    if (( CURRENT == 2 )); then
        _describe command commands
        _arguments {" ".join(map(_zsh_option, top.options))}
        return
    fi
    local command=$words[2]
    shift words
    (( CURRENT-- ))
    case $command in
{cases}
    esac
}}
# Called for the first time by the completion system, or sourced by the person.
if [[ $funcstack[1] == _jarvisctl ]]; then
    _jarvisctl "$@"
else
    compdef _jarvisctl jarvisctl
fi
"""


def _zsh_pair(command: Command) -> str:
    return f"{command.name}:{command.help}"


def _zsh_arguments(command: Command) -> str:
    inner = [option for each in command.commands for option in each.options]
    parts = [_zsh_option(each) for each in (*command.options, *inner)]
    names = [*(each.name for each in command.commands), *command.words]
    first = _shell(f"1::word:({' '.join(names)})" if names else "*::word:_default")
    return " ".join(["_arguments", *dict.fromkeys(parts), first])


def _zsh_option(option: Option) -> str:
    help_text = option.help.replace("[", "(").replace("]", ")")
    takes = "" if option.takes is None else f":{option.takes}:"
    choices = f"({' '.join(option.choices)})" if option.choices else ""
    return " ".join(
        _shell(f"{name}[{help_text}]{takes}{choices}") for name in option.names
    )


def fish(top: Command) -> str:
    """Return the script for fish."""
    lines = ["# fish completion for jarvisctl", "complete -c jarvisctl -f"]
    lines += [_fish_option(each, "__fish_use_subcommand") for each in top.options]
    for command in top.commands:
        lines.append(
            f"complete -c jarvisctl -n __fish_use_subcommand -a {command.name}"
            f" -d {_shell(command.help)}"
        )
        seen = _shell(f"__fish_seen_subcommand_from {command.name}")
        lines += [_fish_option(each, seen) for each in command.options]
        lines += [
            f"complete -c jarvisctl -n {seen} -a {each.name} -d {_shell(each.help)}"
            for each in command.commands
        ]
        for action in command.commands:
            both = _shell(
                f"__fish_seen_subcommand_from {command.name}; "
                f"and __fish_seen_subcommand_from {action.name}"
            )
            lines += [_fish_option(each, both) for each in action.options]

        if command.words:
            words = _shell(" ".join(command.words))
            lines.append(f"complete -c jarvisctl -n {seen} -a {words}")

    return "\n".join(lines) + "\n"


def _fish_option(option: Option, condition: str) -> str:
    names = " ".join(
        f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}"
        for name in option.names
    )
    takes = "" if option.takes is None else " -x" if option.choices else " -r"
    choices = f" -a {_shell(' '.join(option.choices))}" if option.choices else ""
    help_text = _shell(option.help)
    return (
        f"complete -c jarvisctl -n {condition} {names}{takes}{choices} -d {help_text}"
    )


def _shell(word: str) -> str:
    """Return *word* in single quotes, as bash, zsh and fish read them."""
    return "'" + word.replace("\\", "\\\\").replace("'", "'\\''") + "'"


SHELLS: dict[str, Callable[[Command], str]] = {"bash": bash, "fish": fish, "zsh": zsh}
"""The writer for each shell."""
