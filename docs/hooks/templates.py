"""Keeps the compiled templates of the theme and of mkdocstrings: a third of a second each build."""

from typing import Any

from jinja2 import Environment, FileSystemBytecodeCache
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files

compiled = FileSystemBytecodeCache()


def on_config(config: MkDocsConfig) -> None:
    """Keep those of mkdocstrings."""
    mkdocstrings: Any = config.plugins["mkdocstrings"]
    mkdocstrings.get_handler("python").env.bytecode_cache = compiled


def on_env(env: Environment, config: MkDocsConfig, files: Files) -> None:
    """Keep those of the theme."""
    env.bytecode_cache = compiled
