"""The command line: `cnn-tutorial`, or `python -m cnn_tutorial`."""

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module

from cnn_tutorial.datasets import DATASETS
from cnn_tutorial.recipes import RECIPES
from cnn_tutorial.support.download import download
from cnn_tutorial.support.files import check_network, check_writable, reason
from cnn_tutorial.support.find import VARIABLE, data_root
from cnn_tutorial.support.images import check_image
from cnn_tutorial.support.options import parse
from cnn_tutorial.support.terminal import survive_plain_terminals

# torch takes seconds to import: only the commands that need it do so.

SURE = 0.8  # of what is drawn, fewer than one answer in fifty that is as probable is wrong


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command, and return its exit status: 0, 1 for an error, 130 for Ctrl-C."""
    survive_plain_terminals()
    try:
        arguments = parse(argv)
        status = COMMANDS[arguments.command](arguments)
        print(end="", flush=True)
        return status
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `head` and `less` read no more than they need
        _drop_output()
        return 1
    except (OSError, ValueError, FloatingPointError, RuntimeError, MemoryError) as error:
        print(f"cnn-tutorial: error: {_said(error)}", file=sys.stderr)
        _drop_output()
        return 1


def _said(error: Exception) -> str:
    """Return what an error says, in words."""
    if isinstance(error, OSError) and error.errno is not None:
        # Whoever opens a file says what it is for, so what has no name is what is printed.
        return f"{error.filename or 'The output'} cannot be used: {reason(error)}."
    if isinstance(error, MemoryError):
        return "There is not enough memory for this."
    if isinstance(error, RuntimeError):  # PyTorch's go on with advice for programmers
        return str(error).partition("\n")[0] or type(error).__name__
    return str(error)


def _drop_output() -> None:
    """Write what is left where it cannot fail: Python would try again at its end, and complain."""
    try:
        print(end="", flush=True)
    except OSError:
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _train(arguments: argparse.Namespace) -> int:
    path, history_file = arguments.checkpoint, arguments.history
    if path.exists() and not arguments.resume and not path.is_dir():
        raise FileExistsError(f"{path} exists: go on with it by --resume, or name another file.")
    check_writable(path)
    if history_file:
        if history_file.absolute() == path.absolute():
            raise ValueError(f"{path} cannot hold both the network and its history.")
        check_writable(history_file)  # rather than find out when the training is over

    import torch

    from cnn_tutorial.data import load_digits
    from cnn_tutorial.support.checkpoint import resume
    from cnn_tutorial.support.processes import joined_processes
    from cnn_tutorial.trainer import Trainer

    is_new = not path.exists()
    with joined_processes():
        digits = load_digits(dataset=arguments.dataset)
        torch.manual_seed(arguments.seed)
        recipe = RECIPES[arguments.recipe]
        trainer = Trainer(recipe.network(), digits, recipe, seed=arguments.seed)
        if not is_new:
            resume(trainer, path)
        if trainer.rank == 0:
            if arguments.resume and is_new:
                print(f"There is no {path} to go on with: the training starts anew.")
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
            if history_file:
                history.save(history_file)
    return 0


def _evaluate(arguments: argparse.Namespace) -> int:
    check_network(arguments.checkpoint)

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
    check_network(arguments.checkpoint)
    images = []
    for path in arguments.images:
        try:
            check_image(path)
            images.append(path)
        except (OSError, ValueError) as error:  # the other images still have their answers
            print(f"cnn-tutorial: error: {_said(error)}", file=sys.stderr)
    if not images:
        return 1

    from cnn_tutorial.evaluation import predict
    from cnn_tutorial.handwriting import as_text, read_digit
    from cnn_tutorial.support.checkpoint import learned_from, load_network

    model = load_network(arguments.checkpoint)
    classes = learned_from(arguments.checkpoint).classes
    widest = max(map(len, classes))
    failed = len(images) < len(arguments.images)
    for path in images:
        try:
            image = read_digit(path)
        except (OSError, ValueError) as error:
            print(f"cnn-tutorial: error: {_said(error)}", file=sys.stderr)
            failed = True
            continue
        if image is None:
            print(f"{path}: no answer, since nothing is written there")
            continue
        probabilities = predict(model, image)[0]  # (10,)
        first, second = (classes[i] for i in probabilities.topk(2).indices.tolist())
        sure = float(probabilities.max()) >= SURE
        answer = first if sure else f"not sure, perhaps {first}, or {second}"
        print(f"{path}: {answer}\n\nThe network saw:\n{as_text(image)}\n")
        for name, probability in zip(classes, probabilities.tolist(), strict=True):
            bar = "█" * round(30 * probability)
            print(f"{name:{widest}}  {probability:6.1%}  {bar}".rstrip())
        print()
    return int(failed)


def _export(arguments: argparse.Namespace) -> int:
    checkpoint, file = arguments.checkpoint, arguments.file
    check_network(checkpoint)
    if file.absolute() == checkpoint.absolute():
        raise ValueError(f"{file} is the network that is to be exported: name another file.")
    check_writable(file)

    from cnn_tutorial.data import load_digits
    from cnn_tutorial.deform import redraw
    from cnn_tutorial.export import as_onnx, for_browser, unlike_below
    from cnn_tutorial.support.checkpoint import learned_from, load_network
    from cnn_tutorial.support.files import write_whole

    model = load_network(checkpoint)
    if file.suffix == ".onnx":
        content = as_onnx(model)
    else:
        digits = load_digits(dataset=learned_from(checkpoint).dataset)
        unlike = unlike_below(model, redraw(digits.validation.tensors[0]))
        content = for_browser(model, digits.test, unlike)
    write_whole(file, content)
    print(f"Saved in {file}: {len(content):,} bytes")
    return 0


def _download(arguments: argparse.Namespace) -> int:
    root = download(arguments.root, DATASETS[arguments.dataset])
    print(f"The full {arguments.dataset} is in {root}")
    if root != data_root():
        command = "$env:{} = " if os.name == "nt" else "export {}="  # of PowerShell, of the others
        print(f'To use it: {command.format(VARIABLE)}"{root}"')
    return 0


def _benchmark(arguments: argparse.Namespace) -> int:
    if arguments.json:
        check_writable(arguments.json)  # rather than find out in half an hour

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


COMMANDS = {
    "train": _train,
    "evaluate": _evaluate,
    "predict": _predict,
    "export": _export,
    "download": _download,
    "benchmark": _benchmark,
    "cache": _cache,
}


if __name__ == "__main__":
    sys.exit(main())
