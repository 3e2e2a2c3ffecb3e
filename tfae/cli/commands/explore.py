"""`tfae explore RUN`."""

from __future__ import annotations

import errno
import tempfile
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tfae.cli.console import console, shown
from tfae.cli.data_options import held_out_split, load_split, open_data
from tfae.cli.errors import Command
from tfae.cli.shared_options import RUN, Whole

if TYPE_CHECKING:
    import keras


@click.command(cls=Command)
@RUN
@click.option(
    "--port",
    type=Whole(0, 65535),
    default=0,
    help="Port to listen on, on this machine only.  [default: a free one]",
)
@click.option("--browser/--no-browser", default=True, help="Open the page.  [default: yes]")
def explore(run: Path, port: int, browser: bool) -> None:
    """Explore the latent space of a model in the browser.

    Encoder and decoder run in the page, with LiteRT for the web. At first use, npm installs it into
    the user's cache; without npm, they run in this process. No data leaves this machine.
    """
    from tfae.cli.finished_run import read_run

    try:
        from tfae.explore import PageServer, exit_on_signals, install
    except ImportError as error:
        raise ValueError(
            f"The page needs LiteRT ({error}). Install it: pip install 'keras-autoencoders[device]'"
        ) from error
    model, config = read_run(run)
    try:
        with console.status("Looking for LiteRT for the web (npm installs it once)"):
            web_runtime, reason = install(), None
    except OSError as error:
        web_runtime, reason = None, str(error)
        console.print(f"The page decodes in this process, not in the browser: {shown(reason)}.")
    with exit_on_signals(), tempfile.TemporaryDirectory(prefix="tfae-explore-") as folder:
        with console.status("Preparing the page"):
            _prepare(model, config, Path(folder), run=run.name, server_reason=reason)
        with _listen(PageServer, Path(folder), web_runtime, port) as server:
            console.print(f"Exploring {shown(run)} at [bold]{server.url}[/]  (Ctrl-C ends it)")
            if browser:
                webbrowser.open(server.url)
            try:
                server.serve_forever()
            except KeyboardInterrupt:
                console.print("\nStopped.")


def _prepare(model: keras.Model, config: dict[str, Any], folder: Path, **names: str | None) -> None:
    """Writes the files of the page, with examples that the model was not trained on."""
    from tfae.explore.page_files import num_examples, prepare

    of_data = config["data"]
    source = open_data(of_data)
    split = held_out_split(source, of_data)
    description = source.describe(split, of_data["validation_split"])
    # Shuffled, because data may come class by class, but always in the same order.
    batch = next(
        load_split(
            model,
            source,
            of_data,
            split,
            num_examples(description.shape),
            shuffle=True,
            labels=description.has_labels,
        ).as_numpy_iterator()
    )
    x, labels = (batch["x"], batch["label"]) if description.has_labels else (batch, None)
    prepare(
        model,
        x,
        folder,
        labels,
        description.class_names,
        column_names=description.column_names,
        data=f"{Path(source.name).name} {split}",
        **names,
    )


def _listen(server: type, folder: Path, web_runtime: Path | None, port: int) -> Any:
    try:
        return server(folder, web_runtime, port)
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        problem = "in use" if error.errno == errno.EADDRINUSE else "not allowed for this user"
        raise ValueError(
            f"Port {port} is {problem}; choose another with --port, or leave it out for a free one."
        ) from error
