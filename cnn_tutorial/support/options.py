"""The options of the command line, and its help."""

import argparse
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from cnn_tutorial.datasets import DATASETS, MNIST
from cnn_tutorial.recipes import RECIPES
from cnn_tutorial.support.find import data_root

# Modules of cnn_tutorial.measurements.
MEASUREMENTS = ("recipes", "experiments", "ladder", "step", "drawn")

EXAMPLES = {
    "download": """\
  cnn-tutorial download                  the full MNIST, into the user's cache folder
  cnn-tutorial download --root ~/data    into a folder of your own: say so to the
                                         tutorial by CNN_TUTORIAL_DATA=~/data
  cnn-tutorial download --dataset FashionMNIST
""",
    "train": """\
  cnn-tutorial train                             the recipe "fast", into model.safetensors
  cnn-tutorial train --resume                    go on after Ctrl-C or a crash
  cnn-tutorial train --recipe accurate --checkpoint accurate.safetensors
  cnn-tutorial train --dataset FashionMNIST      clothes instead of digits
  torchrun --nproc-per-node 2 -m cnn_tutorial train
                                                 the same steps, shared by 2 processes
""",
    "evaluate": """\
  cnn-tutorial evaluate                          model.safetensors on the test digits
  cnn-tutorial evaluate --checkpoint accurate.safetensors
""",
    "predict": """\
  cnn-tutorial predict seven.png                 a photo or a drawing of a single digit
  cnn-tutorial predict *.jpg --checkpoint accurate.safetensors
""",
    "export": """\
  cnn-tutorial export network.onnx               for programs that read ONNX
  cnn-tutorial export network.safetensors        for the playground of the site, with
                                                 weights of 16 bits and digits to try
""",
    "benchmark": """\
  cnn-tutorial benchmark                         the recipes: half an hour on two cores
  cnn-tutorial benchmark recipes --seeds 20 --json recipes.json
                                                 all of a published file again
  cnn-tutorial benchmark experiments             one change at a time
""",
    "cache": """\
  cnn-tutorial cache                     how many networks the pages have kept, and where
  cnn-tutorial cache --clear             remove them: they are trained again when needed
""",
}


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the command that is asked for, and its options.

    Args:
        argv: The arguments; those of the process if None.

    Raises:
        SystemExit: They are wrong, or help was asked for, which was shown.
        ValueError: The variable for data names a folder that there cannot be.
    """
    parser = argparse.ArgumentParser(
        prog="cnn-tutorial",
        description="Convolutional networks explained on handwritten digits.",
        epilog="examples:\n" + "".join(EXAMPLES.values()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")

    def add(name: str, summary: str, description: str) -> argparse.ArgumentParser:
        return commands.add_parser(
            name,
            help=summary,
            description=description,
            epilog=f"examples:\n{EXAMPLES[name]}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    command = add(
        "train",
        "train a network",
        "Train a network by a recipe, and save it, while it trains and in the end.",
    )
    command.add_argument(
        "--recipe",
        choices=RECIPES,
        default="fast",
        help="what to train, and how (now: %(default)s)",
    )
    command.add_argument(
        "--seed", type=_seed, default=0, help="of all that is random (now: %(default)s)"
    )
    _add_dataset(command)
    _add_checkpoint(command)
    command.add_argument(
        "--resume", action="store_true", help="go on from the checkpoint, if it is there"
    )
    command.add_argument(
        "--save-every",
        type=_seconds,
        default=5,
        metavar="SECONDS",
        help="how much a crash may cost (now: %(default)s)",
    )
    command.add_argument(
        "--history", type=Path, metavar="FILE", help="save losses and accuracies as JSON"
    )
    command = add(
        "evaluate", "measure a network on the test digits", "Measure a network on the test digits."
    )
    _add_checkpoint(command)
    command = add(
        "predict",
        "say which digits images show",
        "Say which digit each image shows, dark on light or light on dark.",
    )
    command.add_argument("images", type=Path, nargs="+", metavar="image", help="an image file")
    _add_checkpoint(command)
    command = add(
        "export",
        "write a network for other programs",
        "Write a network for other programs: as ONNX, or as safetensors for the playground.",
    )
    command.add_argument(
        "file", type=_exported, metavar="FILE", help="what to write: FILE.onnx or FILE.safetensors"
    )
    _add_checkpoint(command)
    command = add(
        "download",
        "download the full MNIST (12 MB), used from then on instead of the bundled sample",
        "Download the full MNIST (12 MB, 55 MB unzipped) or another data set, unless it is there.",
    )
    _add_dataset(command)
    command.add_argument(
        "--root",
        type=Path,
        default=data_root(),
        metavar="FOLDER",
        help="where to put MNIST/raw, or the folder of another data set (now: %(default)s)",
    )
    command = add(
        "benchmark",
        "measure how exact and how fast networks are here",
        "Train networks with several seeds each, and measure them: what is published with the "
        "package, once more on this machine.",
    )
    command.add_argument(
        "what",
        nargs="?",
        choices=MEASUREMENTS,
        default="recipes",
        help="which of the published measurements (now: %(default)s)",
    )
    command.add_argument(
        "--seeds",
        type=_seeds,
        default=5,
        help="trainings of each network (now: %(default)s)",
    )
    command.add_argument("--json", type=Path, metavar="FILE", help="save the figures as JSON")
    command = add(
        "cache",
        "say what the pages have trained and kept",
        "Say how many trained networks are kept for the pages, how large they are, and where.",
    )
    command.add_argument("--clear", action="store_true", help="remove them")
    return parser.parse_args(argv)


def _add_checkpoint(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--checkpoint",
        type=Path,
        default=Path("model.safetensors"),
        metavar="FILE",
        help="the file of the network (now: %(default)s)",
    )


def _add_dataset(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--dataset",
        choices=DATASETS,
        default=MNIST.name,
        help="of which data set (now: %(default)s)",
    )


def _seed(text: str) -> int:
    return int(_number(text, int, 0, 2**32 - 1, "a whole number from 0 to 4,294,967,295"))


def _seeds(text: str) -> int:
    wanted = "a whole number from 2 to 1,000: an interval takes two trainings or more"
    return int(_number(text, int, 2, 1000, wanted))


def _seconds(text: str) -> float:
    return _number(text, float, 0, math.inf, "a number of seconds, 0 or more")


def _exported(text: str) -> Path:
    if Path(text).suffix in (".onnx", ".safetensors"):
        return Path(text)
    raise argparse.ArgumentTypeError(f"{text!r} does not end in .onnx or .safetensors")


def _number(text: str, kind: Callable[[str], float], low: float, high: float, wanted: str) -> float:
    """Return the number that an argument is, if it is one that makes sense."""
    with suppress(ValueError):
        if low <= (number := kind(text)) <= high:
            return number
    raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}")
