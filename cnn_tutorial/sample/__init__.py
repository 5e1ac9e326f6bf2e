"""10,000 bundled digits of MNIST (`digits.npz`), and the script that made them."""
