"""Hooks of MkDocs: the API's pages, made from each module's `__all__`, and files beside docs/."""

import ast
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files, InclusionLevel

ROOT = Path(__file__).parents[2]
TITLES = {
    "tfae": "Models",
    "tfae.data": "Data",
    "tfae.layers": "Layers",
    "tfae.losses": "Likelihoods and losses",
    "tfae.priors": "Priors",
    "tfae.networks": "Networks",
    "tfae.training": "Training",
    "tfae.evaluation": "Evaluation",
    "tfae.latent": "Latent space",
    "tfae.pictures": "Pictures",
    "tfae.export": "Export",
    "tfae.device": "On a device",
    "tfae.sklearn": "scikit-learn",
    "tfae.ops": "The op",
}
"""The public modules, in the order of the navigation, and the titles of their pages."""


def on_config(config: Any) -> Any:
    """Puts the pages of the API into the navigation."""
    pages = [{title: _page(module)} for module, title in TITLES.items()]
    for entry in config.nav:
        if "API" in entry:
            entry["API"] = pages
    return config


def on_files(files: Files, config: Any) -> Files:
    """Adds the pages of the API, and the example programs, to which pages link."""
    for module, title in TITLES.items():
        files.append(File.generated(config, _page(module), content=_api(module, title)))
    linked = [path for path in (ROOT / "examples").rglob("*") if path.suffix in (".py", ".md")]
    for path in [*sorted(linked), ROOT / "tfae" / "device.py"]:
        name = path.relative_to(ROOT).as_posix()
        file = File.generated(config, name, abs_src_path=str(path))
        file.inclusion = InclusionLevel.NOT_IN_NAV
        files.append(file)
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Lets links between docs/ and its neighbours point to where the site has them."""
    if page.file.src_uri.startswith("examples/"):
        return markdown.replace("](../../docs/", "](../../")
    return markdown.replace("](../examples/", "](examples/")


def public_names(module: str) -> list[str]:
    """The classes and functions in a module's `__all__`, read without importing it."""
    tree = ast.parse(_source(module).read_text())
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            names = ast.literal_eval(node.value)
            return [name for name in names if f"{module}.{name}" not in TITLES]
    return [
        node.name
        for node in tree.body
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_")
    ]


def _page(module: str) -> str:
    return f"api/{module.replace('.', '_')}.md"


def _source(module: str) -> Path:
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _api(module: str, title: str) -> str:
    docstring = ast.get_docstring(ast.parse(_source(module).read_text())) or ""
    parts = [f"# {title}", f"`{module}`", docstring]
    parts += [
        f"::: {module}.{name}"
        for name in public_names(module)
        if name != "models"  # whose classes are tfae's own
    ]
    return "\n\n".join(parts) + "\n"
