"""The command line: `cnn-tutorial`, or `python -m cnn_tutorial`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from cnn_tutorial.download import data_root, download

EXAMPLES = """\
examples:
  cnn-tutorial download                  the full MNIST, into the user's cache folder
  cnn-tutorial download --root ~/data    into a folder of your own: say so to the
                                         tutorial by CNN_TUTORIAL_DATA=~/data
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command, and return its exit status: 0, 1 for an error, 130 for Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="cnn-tutorial",
        description="Convolutional networks explained on handwritten digits.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    command = commands.add_parser(
        "download",
        help="download the full MNIST (12 MB), used from then on instead of the bundled sample",
        description="Download the full MNIST (12 MB, 55 MB unzipped), unless it is there.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument(
        "--root",
        type=Path,
        default=data_root(),
        metavar="FOLDER",
        help="where to put MNIST/raw (now: %(default)s)",
    )
    command.set_defaults(run=_download)
    arguments = parser.parse_args(argv)
    try:
        arguments.run(arguments)
    except (OSError, ValueError) as error:
        print(f"cnn-tutorial: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _download(arguments: argparse.Namespace) -> None:
    root = download(arguments.root)
    print(f"The full MNIST is in {root}")
    if root != data_root():
        print(f'To use it: export CNN_TUTORIAL_DATA="{root}"')


if __name__ == "__main__":
    sys.exit(main())
