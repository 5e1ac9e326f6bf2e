"""The command line: `cnn-tutorial`, or `python -m cnn_tutorial`."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from cnn_tutorial.download import data_root, download
from cnn_tutorial.recipes import RECIPES

# torch takes seconds to import: only the commands that need it do so.

EXAMPLES = {
    "download": """\
  cnn-tutorial download                  the full MNIST, into the user's cache folder
  cnn-tutorial download --root ~/data    into a folder of your own: say so to the
                                         tutorial by CNN_TUTORIAL_DATA=~/data
""",
    "train": """\
  cnn-tutorial train                             the recipe "fast", into model.pt
  cnn-tutorial train --resume                    go on after Ctrl-C or a crash
  cnn-tutorial train --recipe accurate --checkpoint accurate.pt
  torchrun --nproc-per-node 2 -m cnn_tutorial train
                                                 the same steps, shared by 2 processes
""",
    "evaluate": """\
  cnn-tutorial evaluate                          model.pt on the test digits
  cnn-tutorial evaluate --checkpoint accurate.pt
""",
    "predict": """\
  cnn-tutorial predict seven.png                 a photo or a drawing of a single digit
  cnn-tutorial predict *.jpg --checkpoint accurate.pt
""",
    "benchmark": """\
  cnn-tutorial benchmark                         about 15 epochs of "classic": minutes
  cnn-tutorial benchmark --seeds 20 --json benchmark.json
""",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command, and return its exit status: 0, 1 for an error, 130 for Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="cnn-tutorial",
        description="Convolutional networks explained on handwritten digits.",
        epilog="examples:\n" + "".join(EXAMPLES.values()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="command")

    def add(
        run: Callable[[argparse.Namespace], int], summary: str, description: str
    ) -> argparse.ArgumentParser:
        name = run.__name__.removeprefix("_")
        command = commands.add_parser(
            name,
            help=summary,
            description=description,
            epilog=f"examples:\n{EXAMPLES[name]}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.set_defaults(run=run)
        return command

    command = add(
        _train,
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
        "--seed", type=int, default=0, help="of all that is random (now: %(default)s)"
    )
    _add_checkpoint(command)
    command.add_argument(
        "--resume", action="store_true", help="go on from the checkpoint, if it is there"
    )
    command.add_argument(
        "--save-every",
        type=float,
        default=5,
        metavar="SECONDS",
        help="how much a crash may cost (now: %(default)s)",
    )
    command.add_argument(
        "--history", type=Path, metavar="FILE", help="save losses and accuracies as JSON"
    )
    command = add(
        _evaluate, "measure a network on the test digits", "Measure a network on the test digits."
    )
    _add_checkpoint(command)
    command = add(
        _predict,
        "say which digits images show",
        "Say which digit each image shows, dark on light or light on dark.",
    )
    command.add_argument("images", type=Path, nargs="+", metavar="image", help="an image file")
    _add_checkpoint(command)
    command = add(
        _download,
        "download the full MNIST (12 MB), used from then on instead of the bundled sample",
        "Download the full MNIST (12 MB, 55 MB unzipped), unless it is there.",
    )
    command.add_argument(
        "--root",
        type=Path,
        default=data_root(),
        metavar="FOLDER",
        help="where to put MNIST/raw (now: %(default)s)",
    )
    command = add(
        _benchmark,
        "measure how exact and how fast the recipes are here",
        "Train each recipe with several seeds, measure it on the test digits, and compare its time "
        "with that of an epoch of the recipe classic on this machine.",
    )
    command.add_argument(
        "--seeds",
        type=int,
        default=5,
        help="trainings of each recipe, of accurate fewer (now: %(default)s)",
    )
    command.add_argument("--json", type=Path, metavar="FILE", help="save the figures as JSON")
    arguments = parser.parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except (OSError, ValueError, FloatingPointError) as error:
        print(f"cnn-tutorial: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _add_checkpoint(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--checkpoint",
        type=Path,
        default=Path("model.pt"),
        metavar="FILE",
        help="the file of the network (now: %(default)s)",
    )


def _train(arguments: argparse.Namespace) -> int:
    import torch

    from cnn_tutorial.data import load_digits
    from cnn_tutorial.device import process, processes
    from cnn_tutorial.trainer import Trainer

    path = arguments.checkpoint
    if path.exists() and not arguments.resume:
        raise FileExistsError(f"{path} exists: go on with it by --resume, or name another file.")
    with processes():
        rank, world = process()
        digits = load_digits()
        torch.manual_seed(arguments.seed)
        recipe = RECIPES[arguments.recipe]
        trainer = Trainer(recipe.network(), digits, recipe, seed=arguments.seed)
        if path.exists():
            trainer.resume(path)
        if rank == 0:
            where = f"{trainer.device.type} in {world} process{'es' * (world > 1)}"
            print(f"{arguments.recipe}, {trainer.steps - trainer.position:,} steps on {where}")
            print(f"Learning from {digits.source}", flush=True)
        try:
            history = trainer.fit(path, arguments.save_every)
        except KeyboardInterrupt:
            print(f"Stopped after step {trainer.position:,}, saved in {path}: --resume goes on.")
            raise
        if rank == 0:
            print(history)
            print(f"Saved in {path}; measure it by: cnn-tutorial evaluate --checkpoint {path}")
            if arguments.history:
                history.save(arguments.history)
    return 0


def _evaluate(arguments: argparse.Namespace) -> int:
    from cnn_tutorial.checkpoint import load_network
    from cnn_tutorial.data import load_digits
    from cnn_tutorial.device import choose_device, process, processes
    from cnn_tutorial.evaluation import evaluate

    with processes():
        model = load_network(arguments.checkpoint).to(choose_device())
        digits = load_digits()
        found = evaluate(model, digits.test)
        if process()[0] == 0:
            print(f"Test digits of {digits.source}: {found}")
    return 0


def _predict(arguments: argparse.Namespace) -> int:
    from cnn_tutorial.checkpoint import load_network
    from cnn_tutorial.evaluation import predict
    from cnn_tutorial.handwriting import as_text, read_digit

    model = load_network(arguments.checkpoint)
    failed = False
    for path in arguments.images:
        try:
            image = read_digit(path)
        except (OSError, ValueError) as error:  # the other images still have their answers
            print(f"cnn-tutorial: error: {error}", file=sys.stderr)
            failed = True
            continue
        if image is None:
            print(f"{path}: no answer, since nothing is written there")
            continue
        probabilities = predict(model, image)[0]  # (10,)
        print(f"{path}: {probabilities.argmax()}\n\nThe network saw:\n{as_text(image)}\n")
        for digit, probability in enumerate(probabilities.tolist()):
            print(f"{digit}  {probability:6.1%}  {'█' * round(30 * probability)}".rstrip())
        print()
    return int(failed)


def _download(arguments: argparse.Namespace) -> int:
    root = download(arguments.root)
    print(f"The full MNIST is in {root}")
    if root != data_root():
        print(f'To use it: export CNN_TUTORIAL_DATA="{root}"')
    return 0


def _benchmark(arguments: argparse.Namespace) -> int:
    from cnn_tutorial.benchmark import benchmark, table
    from cnn_tutorial.files import write_whole

    result = benchmark(arguments.seeds)
    print(f"\n{table(result)}")
    if arguments.json:
        write_whole(arguments.json, f"{json.dumps(result, indent=1)}\n".encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
