"""Comments on shapes are checked wherever the tests build a page."""

from shape_comments import with_shapes_asserted


def test_comments_on_shapes_are_asserted() -> None:
    code = """
def f(x):
    y = [
        x
    ]  # (N, 3), in "é"
    return y
"é"; z = 5  # (1,)
a, b = 1, 2  # (4,)
z = [f(y) for y in x]  # (6, 7)
print(z)  # (5, 5)
"""
    asserted = with_shapes_asserted(code).splitlines()
    check = "_shape = getattr({}, 'shape', {}); assert len(_shape) == {} and _shape[{}] == {}"
    assert asserted[5] == "    " + check.format("y", "y", 2, 1, 3) + '  #, in "é"'
    assert check.format("z", "z", 1, 0, 1) in asserted[8]
    assert check.format("z[0]", "z[0]", 2, 0, 6) + " and _shape[1] == 7" in asserted[11]
    assert [asserted[9], asserted[12]] == ["a, b = 1, 2  # (4,)", "print(z)  # (5, 5)"]
