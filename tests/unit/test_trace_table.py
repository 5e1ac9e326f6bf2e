"""A trace prints as a table: as text in a terminal, as HTML in a page."""

import torch
from bs4 import BeautifulSoup
from torch import nn

from cnn_tutorial.model import ConvolutionalNetwork
from cnn_tutorial.trace import Trace, trace

DIGITS = torch.zeros(3, 1, 28, 28)
NETWORK = trace(ConvolutionalNetwork(), DIGITS[:1])
FC1 = ["fc1", "Linear", "(1, 120)", "48,120", "48,120", "26×26", "–"]
POOL1 = ["features.pool1", "MaxPool2d", "(1, 6, 13, 13)", "0", "0", "4×4", "2×2"]


def test_a_trace_is_a_sequence_of_rows() -> None:
    assert isinstance(NETWORK, Trace)
    assert len(NETWORK) == len(list(NETWORK)) == 12
    assert NETWORK[0].name == "features.conv1"
    assert NETWORK[0].input_shape == NETWORK.input_shape == (1, 1, 28, 28)
    for before, after in zip(NETWORK.rows, NETWORK.rows[1:], strict=False):
        assert after.input_shape == before.output_shape


def cells_of_html(result: Trace) -> list[list[str]]:
    soup = BeautifulSoup(result._repr_html_(), "html.parser")
    return [[cell.get_text() for cell in line.find_all(["th", "td"])] for line in soup("tr")]


def test_the_html_is_a_table_with_a_caption_headers_and_a_total() -> None:
    html = NETWORK._repr_html_()
    soup = BeautifulSoup(html, "html.parser")
    assert soup.caption is not None
    assert {th["scope"] for th in soup.select("thead th")} == {"col"}
    assert {th["scope"] for th in soup.select("tbody th, tfoot th")} == {"row"}
    assert "style" not in html
    assert "" not in html.split("\n")  # a blank line would end an HTML block of Markdown
    header, first, *layers, total = cells_of_html(NETWORK)
    assert len(header) == 7
    assert first == ["input", "", "(1, 1, 28, 28)", "", "", "1×1", "1×1"]
    assert POOL1 in layers
    assert FC1 in layers
    assert len(layers) == 12
    assert total == ["total", "", "", "60,074", "206,174", "", ""]
    assert len(soup.select("tfoot tr")) == 1


def test_names_are_escaped() -> None:
    model = nn.Sequential()
    model.add_module("<b>&", nn.ReLU())
    result = trace(model, DIGITS)
    assert "<b>" not in result._repr_html_()
    assert cells_of_html(result)[2][0] == "<b>&"


def test_the_text_has_the_cells_of_the_html_in_aligned_columns() -> None:
    header, _, *lines, _, total = str(NETWORK).split("\n")
    for line, cells in zip([header, *lines, total], cells_of_html(NETWORK), strict=True):
        assert line.split() == " ".join(cells).split()
    ends = {line.index("–") for line in lines if "–" in line}
    assert ends == {len(header) - 1}
    assert {line.index("(1, ") for line in lines} == {header.index("Output")}


def test_a_model_that_is_one_layer_is_named_by_its_kind() -> None:
    assert trace(nn.Conv2d(1, 2, 3), DIGITS)[0][:2] == ("Conv2d", "Conv2d")
