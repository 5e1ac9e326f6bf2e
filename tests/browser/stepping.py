"""What is promised of <conv-stepper>, on each page that has one: it is used, and PyTorch agrees."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from playwright.sync_api import Locator, expect
from torch import Tensor

from cnn_tutorial.shapes import conv_output_size, pool_output_size

if TYPE_CHECKING:
    from promises import Visit

WITH_A_LOOP = ("breakdown/convolution", "breakdown/pooling")  # that does what is shown
# What is typed into a field for a number, as the browser lets it through.
NONSENSE = ["0", "-3", "2.5", "", "1000000", "99999999999999999999", "1e300"]


# Where the name that was marked last stands in the loop, scrolled to.
WORD = """() => {
  range.startContainer.parentElement.scrollIntoView({ block: "center", behavior: "instant" });
  return range.getBoundingClientRect().toJSON();
}"""


class Stepper:
    """One stepper of a page, opened, and the numbers that the page gave it."""

    def __init__(self, visit: "Visit", number: int) -> None:
        self.number = number
        self.element = element = visit.page.locator("conv-stepper").nth(number)
        opener = element.locator(".open")
        if opener.get_attribute("aria-expanded") == "false":
            opener.click()
        expect(opener).to_have_attribute("aria-expanded", "true")
        source = str(element.locator("img").first.get_attribute("src"))
        file = visit.site.page(visit.name).parent / re.sub(r"\.svg.*", ".json", source)
        self.values: dict[str, Any] = json.loads(Path(file).read_text(encoding="utf-8"))
        self.x = torch.tensor(self.values["x"]).double()  # (C, H, W)
        self.settings: dict[str, Any] = dict(self.values["settings"])
        self.kernels = {n: torch.tensor(kernel).double() for n, kernel in self.values["kernels"]}
        self.row, self.column = self.values["row"], self.values["column"]

    def output(self, name: str = "", bias: float = 0) -> Tensor:
        """What PyTorch makes of the input: a feature map, or what a pooling keeps."""
        x, settings = self.x[None], dict(self.settings)
        if self.kernels:
            kernel = self.kernels[name or next(iter(self.kernels))][None]
            return F.conv2d(x, kernel, torch.tensor([bias]).double(), **settings)[0, 0]
        pool = F.avg_pool2d if name == "average" else F.max_pool2d
        return pool(x, **settings)[0, 0]

    def at(self, selector: str, **having: Any) -> Locator:
        return self.element.locator(selector, **having)

    def says(self, row: int, column: int, output: Tensor) -> None:
        """Expect that the number at a place of the output is shown."""
        value = f"{output[row, column]:.2f}".removesuffix(".00").replace("-", "−")
        value = "0" if value in ("−0", "0") else value
        expect(self.at(".sum > b")).to_have_text(f"= {value}")
        expect(self.at(".tell")).to_contain_text(f"Row {row}, column {column} of the output")

    def readers(self, row: int, column: int) -> int:
        """How many windows read a pixel, by PyTorch."""
        x = torch.zeros_like(self.x[:1])
        x[0, row, column] = 1
        settings = dict(self.settings)
        size = settings.pop("kernel_size", 0) or next(iter(self.kernels.values())).shape[-1]
        ones = torch.ones(1, 1, size, size).double()
        return int(F.conv2d(x[None], ones, **settings).sum())

    def neighbour(self, row: int, column: int) -> tuple[int, int]:
        """The place to the right of one, or left of it at the end of a row."""
        return row, column + 1 if column + 1 < self.output().shape[1] else column - 1


def steppers(visit: "Visit") -> list[Stepper]:
    return [Stepper(visit, n) for n in range(visit.page.locator("conv-stepper").count())]


def it_begins_with_the_numbers_of_the_page(visit: "Visit") -> object:
    """What the figure showed is what the element shows first."""
    for stepper in steppers(visit):
        stepper.says(stepper.row, stepper.column, stepper.output())
        told = stepper.at(".tell").inner_text()
        expect(stepper.at(".said")).to_have_text(told)  # after a while, to a screen reader
        described = stepper.element.locator("img").first.get_attribute("alt") or ""
        value = f"{stepper.output()[stepper.row, stepper.column]:.2f}"
        if not described.endswith(f"which is {value}"):
            return described, value
    return None


def the_window_is_moved_by_keys(visit: "Visit") -> object:
    """Arrows move the window and point at pixels; buttons, lists and fields are used by keys."""
    if visit.size != "desk":
        return None
    for stepper in steppers(visit):
        page, output = visit.page, stepper.output()
        row, column = stepper.neighbour(stepper.row, stepper.column)
        stepper.at(".output svg").focus()
        page.keyboard.press("ArrowRight" if column > stepper.column else "ArrowLeft")
        stepper.says(row, column, output)
        stepper.at(".input svg").focus()
        page.keyboard.press("ArrowUp")
        said = stepper.at(".tell").inner_text()
        found = re.search(r"^(\d+|No) windows? reads? .* row (\d+), column (\d+)", said)
        if not found:
            return said
        if int(found[1].replace("No", "0")) != stepper.readers(int(found[2]), int(found[3])):
            return said
        stepper.at(".restart").focus()
        page.keyboard.press("Enter")
        stepper.says(0, 0, output)
        stepper.at(".step").focus()
        page.keyboard.press("Space")
        stepper.says(0, 1, output)
        stepper.at(".play").focus()
        page.keyboard.press("Enter")
        expect(stepper.at(".play")).to_have_text("Pause")
        expect(stepper.at(".tell")).to_contain_text("Row 0, column 3")
        marked = page.evaluate("[...(CSS.highlights.get('step') ?? [])].map(String)")
        page.keyboard.press("Enter")
        expect(stepper.at(".play")).to_have_text("Play")
        line = stepper.at("code").inner_text()
        loop = re.sub(r"\[\d+, \d+\]", "[i, j]", line)
        if bool(line) != (stepper.number == 0 and visit.name in WITH_A_LOOP):
            return f"{stepper.number} shows the line {line!r}"
        if line and not (marked and marked[-1] == loop != line):
            return marked, line
        stepper.at("select").first.focus()
        page.keyboard.press("ArrowDown")
        name = str(stepper.at("select").first.input_value())
        column = int(re.findall(r"column (\d+)", stepper.at(".tell").inner_text())[0])
        stepper.says(0, column, stepper.output(name))
        page.keyboard.press("ArrowUp")
    return None


def the_window_is_moved_by_touch(visit: "Visit") -> object:
    """A finger on the output moves the window, one on the input shows what reads a pixel."""
    if visit.size != "phone":
        return None
    for stepper in steppers(visit):
        output = stepper.output()
        touch(stepper.at(".output svg"), visit, 0.5)
        stepper.says(output.shape[0] // 2, output.shape[1] // 2, output)
        touch(stepper.at(".input svg"), visit, 0.5)
        rows, columns = (side // 2 for side in stepper.x.shape[1:])
        expect(stepper.at(".tell")).to_contain_text(f"pixel at row {rows}, column {columns}.")
        touch(stepper.at(".restart"), visit, 0.5)
        touch(stepper.at(".play"), visit, 0.5)
        expect(stepper.at(".tell")).to_contain_text("Row 0, column 2")
        touch(stepper.at(".play"), visit, 0.5)
        expect(stepper.at(".play")).to_have_text("Play")
    return None


def names_of_the_loop_say_what_they_hold(visit: "Visit") -> object:
    """A name in the code that is pointed at, or focused below the figure, is shown in it."""
    if visit.size != "desk" or visit.name not in WITH_A_LOOP:
        return None
    for stepper in steppers(visit)[:1]:
        names = stepper.at(".names button").all_inner_texts()
        if not {"i", "j", "window"} <= set(names):
            return names
        for name in names:
            stepper.at(".names button", has_text=re.compile(f"^{name}$")).focus()
            expect(stepper.at(".tell")).to_have_text(re.compile(f"^{name} is .+[.]$"))
            marked = visit.page.evaluate("[...CSS.highlights.get('name')].map(String)")
            if set(marked) != {name}:
                return name, marked
        stepper.at(".names button", has_text="window").focus()
        visit.page.evaluate("() => { window.range = [...CSS.highlights.get('name')].at(-1) }")
        stepper.at(".names button").first.focus()
        box = visit.page.evaluate(WORD)
        visit.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        expect(stepper.at(".tell")).to_have_text(re.compile("^window is .+[.]$"))
        stepper.at(".output svg").focus()
        visit.page.keyboard.press("ArrowUp")
        if visit.page.evaluate("CSS.highlights.has('name')"):
            return "the name is still marked"
    return None


def touch(element: Locator, visit: "Visit", part: float) -> None:
    element.evaluate("e => e.scrollIntoView({ block: 'center', behavior: 'instant' })")
    box = element.bounding_box()
    assert box
    visit.touch(box["x"] + box["width"] * part, box["y"] + box["height"] * part)


def what_is_edited_is_computed(visit: "Visit") -> object:
    """A weight, the bias and each setting change the output, or a sentence says why they cannot."""
    if visit.size != "phone":
        return None
    for stepper in steppers(visit):
        if stepper.kernels:
            name = next(iter(stepper.kernels))
            kernel = stepper.kernels[name].clone()
            kernel[-1, 0, 0] = 2.5
            if len(stepper.x) > 1:
                stepper.element.get_by_label("channel").select_option(str(len(stepper.x) - 1))
            weight = stepper.at(".products input").first
            weight.fill("2.5")
            stepper.kernels[name], old = kernel, stepper.kernels[name]
            stepper.at(".bias").fill("-3")
            row, column = place(stepper)
            stepper.says(row, column, stepper.output(bias=-3))
            stepper.at(".bias").fill("0")
            weight.fill(f"{old[-1, 0, 0]:g}")
            stepper.kernels[name] = old
        for setting in stepper.settings:
            field = stepper.element.get_by_label(setting.replace("_", " "))
            usual = stepper.settings[setting]
            for text in NONSENSE:
                field.fill(text)
                if problem := wrong_with(stepper, setting, text):
                    return setting, text, problem
            stepper.settings[setting] = usual
            field.fill(str(usual))
            stepper.says(*place(stepper), stepper.output())
    return None


def place(stepper: Stepper) -> tuple[int, int]:
    row, column = re.findall(r"\d+", stepper.at(".tell").inner_text())[:2]
    return int(row), int(column)


def wrong_with(stepper: Stepper, setting: str, text: str) -> str:
    """Compare what is said of a setting with what the package says."""
    said = stepper.at(".problem").inner_text()
    number = float(text) if text else text
    is_safe = isinstance(number, float) and number.is_integer() and abs(number) < 2**53
    stepper.settings[setting] = int(text) if is_safe else number
    if setting in ("kernel_size", "padding") and number != "" and float(number) > 5:
        return "" if re.match(rf"{setting} may be at most 5 here", said) else said
    sizes = dict(stepper.settings)
    if stepper.kernels:
        sizes["kernel_size"] = next(iter(stepper.kernels.values())).shape[-1]
    try:
        count = conv_output_size if stepper.kernels else pool_output_size
        count((stepper.x.shape[1], stepper.x.shape[2]), **sizes)
    except (TypeError, ValueError) as error:
        # The browser has one kind of number.
        expected = str(error).replace("1e+20", "100000000000000000000")
        return "" if said == expected else f"{said!r} and not {expected!r}"
    return said


STEPPING = [
    it_begins_with_the_numbers_of_the_page,
    the_window_is_moved_by_keys,
    the_window_is_moved_by_touch,
    names_of_the_loop_say_what_they_hold,
    what_is_edited_is_computed,
]
