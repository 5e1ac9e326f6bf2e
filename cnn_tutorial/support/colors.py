"""The colours of drawings, of which each means one thing: on its own, since it needs no library."""

# Of lines and frames, seen on white and on dark pages; text is in INK.
INPUT = "#2b9dd4"
KERNEL = "#d77e00"
OUTPUT = "#9730fa"
RIGHT = "#1e7590"
WRONG = "#c33a3b"
BELOW, ABOVE = "#2f80ed", "#e0452f"  # zero, at full strength
INK = "#212228"  # becomes currentColor in the SVG: that of the text around it
GROUND = "#fffffe"  # white; no other colour, so that a page can put its own in its place
