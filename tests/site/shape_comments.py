"""Comments on shapes in the code of pages become assertions: `x = pool(x)  # (N, 6, 13, 13)`.

A kernel that finds this file among those that it runs when it starts does that with each cell.
"""

import ast
import re


def with_shapes_asserted(code: str) -> str:
    """Turn each comment that gives the shape of what its line assigns into an assertion.

    `x = pool(x)  # (N, 6, 13, 13)` asserts that there are 4 dimensions, and the size of the last 3.
    """
    lines = code.encode().splitlines()  # columns of the syntax tree count bytes
    for statement in ast.walk(ast.parse(code)):
        match statement:
            case ast.Assign([ast.Name(name)], end_lineno=int(end), end_col_offset=int(column)):
                source, rest = lines[end - 1][:column], lines[end - 1][column:].decode()
                if comment := re.match(r"\s*# \(([^()]+)\)(.*)", rest):
                    value = f"{name}[0]" if isinstance(statement.value, ast.ListComp) else name
                    sizes = [size.strip() for size in comment[1].rstrip(",").split(",")]
                    claims = [f"len(_shape) == {len(sizes)}"] + [
                        f"_shape[{i}] == {size}" for i, size in enumerate(sizes) if size.isdigit()
                    ]
                    check = f"_shape = getattr({value}, 'shape', {value}); assert "
                    check += f"{' and '.join(claims)}  #{comment[2]}"
                    indent = " " * statement.col_offset
                    lines[end - 1] = source + f"\n{indent}{check}".encode()
    return b"\n".join(lines).decode()


def asserted(lines: list[str]) -> list[str]:
    """Do the same with the lines of a cell, unless they are not Python."""
    try:
        return with_shapes_asserted("".join(lines)).splitlines(keepends=True)
    except SyntaxError:
        return lines  # which the kernel will say


if "get_ipython" in globals():
    get_ipython().input_transformers_post.append(asserted)  # type: ignore[name-defined] # noqa: F821
