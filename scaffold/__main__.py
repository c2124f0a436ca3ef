"""Make the folders of a new model: model/NAME, handlers/NAME, training/NAME, tests/NAME and kubernetes/models/NAME.

python -m scaffold shapes                       # colour images
python -m scaffold fruit --template tabular     # numbers

No existing file changes. When something fails, nothing is left behind.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from common.cli import exit_on_error, parser_with_examples
from common.errors import UserError
from common.paths import ROOT
from model import config
from scaffold.names import check_name

TEMPLATES = Path(__file__).with_name("templates")
PLACEHOLDER, CLASS_PLACEHOLDER = "new_model", "NewModel"
FOLDERS = ("model", "handlers", "training", "tests", "kubernetes/models")


class ScaffoldError(UserError):
    """A model's folders could not be made; nothing is left of them."""


def make_model(name: str, template: str, root: Path = ROOT) -> list[Path]:
    """Make the folders of the model `name` in the repository `root` and return them.

    Raises ModelNameError for a name that cannot be, ScaffoldError when its samples or manifests cannot be written.
    """
    check_name(name, root)
    folders = [root / folder / name for folder in FOLDERS]
    try:
        for source in sorted((TEMPLATES / template).rglob("*")):
            if source.is_file() and "__pycache__" not in source.parts:
                target = root / _rename(str(source.relative_to(TEMPLATES / template)), name)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(_rename(source.read_text(encoding="utf-8"), name), encoding="utf-8")
        _run(f"training.{name}.samples", root)
        _run("kubernetes.generate", root)
    except BaseException:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    return folders


def _rename(text: str, name: str) -> str:
    camel_case = "".join(word.capitalize() for word in name.split("_"))
    return text.replace(PLACEHOLDER, name).replace(CLASS_PLACEHOLDER, camel_case)


def _run(module: str, root: Path) -> None:
    """Run a module of the repository `root`, which has the new model by now."""
    done = subprocess.run([sys.executable, "-m", module], cwd=root, capture_output=True, text=True)
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ScaffoldError(f"{module} failed ({reason}); nothing was made")


def main(argv: Sequence[str] | None = None) -> None:
    templates = sorted(path.name for path in TEMPLATES.iterdir())
    parser = parser_with_examples(
        "Make the folders of a new model.", "python -m scaffold shapes", "python -m scaffold fruit --template tabular"
    )
    parser.prog = "python -m scaffold"
    parser.add_argument("name", help="its name, a lowercase word of letters, digits and _")
    parser.add_argument("--template", choices=templates, default="image", help="what it starts as (default: image)")
    arguments = parser.parse_args(argv)
    with exit_on_error(if_interrupted="nothing was made; run the same command again"):
        folders = make_model(arguments.name, arguments.template)
        model = config.load(arguments.name)
        sample = model.sample_request.relative_to(ROOT)
        header = "-H 'Content-Type: application/json' " if sample.suffix == ".json" else ""
        print(f"made {', '.join(str(folder.relative_to(ROOT)) for folder in folders)}. Next:\n")
        print(f"    {'make serve':<60} # train, pack and serve it")
        print(f"    curl {header}-T {sample} http://127.0.0.1:8080/predictions/{model.name}")
        print(f"    {f'.venv/bin/tsctl dev {model.name}':<60} # serve it and reload it on save")
        print("\ndocs/own-model.md explains each file.")


if __name__ == "__main__":
    main()
