"""The file that the type checker reads uses every public name."""

import ast
import inspect
import pathlib

import tfae

PAGE = pathlib.Path(__file__).with_name("public.py")


def test_no_public_name_is_missing():
    used = set()
    for node in ast.walk(ast.parse(PAGE.read_text())):
        if isinstance(node, ast.Attribute):
            used.add(node.attr)
        elif isinstance(node, ast.Name):
            used.add(node.id)
    modules = [value for name in tfae.__all__ if inspect.ismodule(value := getattr(tfae, name))]
    public = {*tfae.__all__, *(name for module in modules for name in module.__all__)}
    assert public <= used | {"models"}, public - used
