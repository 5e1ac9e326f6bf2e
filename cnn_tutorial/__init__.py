"""Convolutional networks explained on handwritten digits: the code that the pages import."""
