"""Commands of the package `training`: train, evaluate, search, report, robustness and archive.

Each forwards its arguments after the model to the `main` of a module, such as training.mnist.train.
"""

from __future__ import annotations

import argparse
import importlib
import sys

from common.errors import UserError
from common.paths import ROOT
from model import config
from serving.cli.arguments import Commands, add_command

SUMMARIES = {
    "train": "train a model",
    "evaluate": "measure trained weights on the test set",
    "search": "search for better hyperparameters",
    "report": "compare the training recipes",
    "robustness": "measure accuracy on corrupted and drawn images",
    "archive": "pack a model for TorchServe",
}
EXAMPLES = {
    "train": ("train mnist --recipe best", "train xor --help"),
    "archive": ("archive mnist", "archive mnist --version 2.0 --file mnist-2.0.mar"),
}


def add_to(commands: Commands) -> None:
    """Add these commands to the parser."""
    for name, summary in SUMMARIES.items():
        examples = EXAMPLES.get(name, (f"{name} mnist", f"{name} mnist --help"))
        command = add_command(commands, name, summary, forward, *examples)
        command.set_defaults(command=name)
        command.add_argument("model", metavar="MODEL", help=f"one of: {', '.join(find_models(name))}")
        help_text = "arguments of the model's own command; MODEL --help lists them"
        command.add_argument("arguments", nargs=argparse.REMAINDER, metavar="...", help=help_text)


def find_models(command: str) -> list[str]:
    """Return the models that have a module for `command`."""
    if command == "archive":
        return config.names()
    modules = [f"*/{command}.py", f"*/{command}/__main__.py"]
    return sorted(
        {path.relative_to(ROOT / "training").parts[0] for m in modules for path in (ROOT / "training").glob(m)}
    )


def forward(args: argparse.Namespace) -> None:
    """Call the `main` of the model's module. Raises UserError for an unknown model or a missing package."""
    models = find_models(args.command)
    if args.model not in models:
        raise UserError(f"there is no model {args.model} to {args.command}; choose from: {', '.join(models) or 'none'}")
    module, arguments = f"training.{args.model}.{args.command}", args.arguments
    program = f"tsctl {args.command} {args.model}"
    if args.command == "archive":
        module, arguments, program = "training.archive", [args.model, *args.arguments], "tsctl archive"
    if (ROOT / module.replace(".", "/")).is_dir():
        module += ".__main__"
    try:
        main = importlib.import_module(module).main
    except ModuleNotFoundError as error:
        raise UserError(f"this needs {error.name}: pip install 'mnist-torchserve[train]'") from error
    sys.argv[0] = program  # argparse names it in usage and errors
    main(arguments)
