"""The names that a message gives to what a user can change: options on the command line, arguments in Python."""

import re

import click

from genanalytics.errors import InputError


def name_options(error: InputError, command: click.Command | None) -> str:
    """Return the message of an error, with the options of a command in place of the arguments of a function.

    >>> command = click.Command("forecast", params=[click.Option(["--budget"])])
    >>> name_options(InputError("budget=-1: give an amount above 0", arguments=["budget"]), command)
    '--budget -1: give an amount above 0'
    """
    message = str(error)
    options = {} if command is None else _list_options(command)
    for argument in error.arguments:
        if argument in options:
            name = options[argument]
            message = re.sub(rf"(?<![\w-]){argument}=(?=\S)", f"{name} ", message, count=1)
            message = re.sub(rf"(?<![\w-]){argument}=(?!\S)", name, message, count=1)
    return message


def _list_options(command: click.Command) -> dict[str, str]:
    """Return the longest name of each option of a command, by its argument."""
    options = (parameter for parameter in command.params if isinstance(parameter, click.Option))
    return {str(option.name): max(option.opts, key=len) for option in options}
