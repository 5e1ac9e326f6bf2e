"""The command line: `cnn-tutorial`, or `python -m cnn_tutorial`."""

import argparse
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from cnn_tutorial.datasets import DATASETS, MNIST
from cnn_tutorial.recipes import RECIPES
from cnn_tutorial.support.download import download
from cnn_tutorial.support.find import data_root
from cnn_tutorial.support.terminal import survive_plain_terminals

# torch takes seconds to import: only the commands that need it do so.

MEASUREMENTS = ("recipes", "experiments", "ladder")  # modules of cnn_tutorial.measurements

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


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command, and return its exit status: 0, 1 for an error, 130 for Ctrl-C."""
    survive_plain_terminals()
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
    _add_dataset(command)
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
        _benchmark,
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
        type=int,
        default=5,
        help="trainings of each network (now: %(default)s)",
    )
    command.add_argument("--json", type=Path, metavar="FILE", help="save the figures as JSON")
    command = add(
        _cache,
        "say what the pages have trained and kept",
        "Say how many trained networks are kept for the pages, how large they are, and where.",
    )
    command.add_argument("--clear", action="store_true", help="remove them")
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


def _train(arguments: argparse.Namespace) -> int:
    import torch

    from cnn_tutorial.data import load_digits
    from cnn_tutorial.support.checkpoint import resume
    from cnn_tutorial.support.processes import joined_processes
    from cnn_tutorial.trainer import Trainer

    path = arguments.checkpoint
    if path.exists() and not arguments.resume:
        raise FileExistsError(f"{path} exists: go on with it by --resume, or name another file.")
    with joined_processes():
        digits = load_digits(dataset=arguments.dataset)
        torch.manual_seed(arguments.seed)
        recipe = RECIPES[arguments.recipe]
        trainer = Trainer(recipe.network(), digits, recipe, seed=arguments.seed)
        if path.exists():
            resume(trainer, path)
        if trainer.rank == 0:
            steps = trainer.total_steps - trainer.progress.steps
            where = f"{trainer.device.type} in {trainer.world_size} process"
            where += "es" * (trainer.world_size > 1)
            print(f"{arguments.recipe}, {steps:,} steps on {where}")
            print(f"Learning from {digits.source}", flush=True)
        try:
            history = trainer.fit(path, arguments.save_every)
        except KeyboardInterrupt:
            step = trainer.progress.steps
            print(f"Stopped after step {step:,}, saved in {path}: --resume goes on.")
            raise
        if trainer.rank == 0:
            print(history)
            print(f"Saved in {path}; measure it by: cnn-tutorial evaluate --checkpoint {path}")
            if arguments.history:
                history.save(arguments.history)
    return 0


def _evaluate(arguments: argparse.Namespace) -> int:
    from cnn_tutorial.data import load_digits
    from cnn_tutorial.evaluation import evaluate
    from cnn_tutorial.support.checkpoint import learned_from, load_network
    from cnn_tutorial.support.device import choose_device
    from cnn_tutorial.support.processes import joined_processes, rank_and_world_size

    with joined_processes():
        model = load_network(arguments.checkpoint).to(choose_device())
        learned = learned_from(arguments.checkpoint)
        digits = load_digits(dataset=learned.dataset)
        if digits.source.is_sample and not learned.is_sample:
            raise ValueError(
                f"{arguments.checkpoint} learned from {learned}, which is not on disk, and the "
                "test digits of the bundled sample are among those it learned: they would tell "
                "nothing. Get the others by: cnn-tutorial download"
            )
        evaluation = evaluate(model, digits.test)
        if rank_and_world_size()[0] == 0:
            if digits.source != learned:
                print(f"Learned from {learned}")
            print(f"Test digits of {digits.source}: {evaluation}")
    return 0


def _predict(arguments: argparse.Namespace) -> int:
    from cnn_tutorial.evaluation import predict
    from cnn_tutorial.handwriting import as_text, read_digit
    from cnn_tutorial.support.checkpoint import learned_from, load_network

    model = load_network(arguments.checkpoint)
    classes = learned_from(arguments.checkpoint).classes
    widest = max(map(len, classes))
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
        answer = classes[int(probabilities.argmax())]
        print(f"{path}: {answer}\n\nThe network saw:\n{as_text(image)}\n")
        for name, probability in zip(classes, probabilities.tolist(), strict=True):
            bar = "█" * round(30 * probability)
            print(f"{name:{widest}}  {probability:6.1%}  {bar}".rstrip())
        print()
    return int(failed)


def _download(arguments: argparse.Namespace) -> int:
    root = download(arguments.root, DATASETS[arguments.dataset])
    print(f"The full {arguments.dataset} is in {root}")
    if root != data_root():
        print(f'To use it: export CNN_TUTORIAL_DATA="{root}"')
    return 0


def _benchmark(arguments: argparse.Namespace) -> int:
    from cnn_tutorial.measurements import write
    from cnn_tutorial.support.files import write_whole

    module = import_module(f"cnn_tutorial.measurements.{arguments.what}")
    found = module.measure(arguments.seeds)
    print(f"\n{module.table(found)}")
    if arguments.json:
        write_whole(arguments.json, write(found).encode())
    return 0


def _cache(arguments: argparse.Namespace) -> int:
    from cnn_tutorial.cache import cache_folder, clear, kept

    count, size = kept()
    networks = f"{count} network{'s' * (count != 1)}, {size / 1e6:.1f} MB, in {cache_folder()}"
    if arguments.clear:
        clear()
        print(f"Removed {networks}")
    else:
        print(networks)
        print("To remove them: cnn-tutorial cache --clear")
    return 0


if __name__ == "__main__":
    sys.exit(main())
