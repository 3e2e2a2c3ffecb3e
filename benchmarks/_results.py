"""Prints the figures of a benchmark, keeps them as data, and puts them into docs/results.md."""

import json
import os
import shlex
import sys
import time
from pathlib import Path

from _machine import processor
from rich.console import Console
from rich.table import Table

FOLDER = Path(__file__).with_name("results")
PAGE = Path(__file__).parents[1] / "docs" / "results.md"
_BEGUN = time.perf_counter()  # benchmarks import this file before anything else
_EARLIER = {}  # minutes that interrupted processes spent on a benchmark, by its name


def publish(name, title, columns, rows, seeds=(), data=None, note="", effort=None):
    """Prints a table, and keeps it together with how it was measured.

    A kept result is never replaced by one with fewer rounds, seeds, rows or columns, so a quick
    look leaves the page as it is. To replace it anyway, remove the kept file first.

    Args:
        name: Name of the file in benchmarks/results.
        title: What the figures are, with their unit.
        columns: Headings; the first column names the row.
        rows: Rows of the table. Numbers are shown as they are given, so round them before.
        seeds: The seeds of the runs.
        data: Everything else worth keeping, such as figures by seed or epoch.
        note: A sentence or two for the reader, such as what differs from the published setting.
        effort: What was spent on the figures, by name: numbers of rounds, epochs or images, for
            which more is better.

    Returns:
        Whether the result was kept.
    """
    result = {
        "title": title,
        "command": shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]]),
        "machine": f"{processor()}, {os.cpu_count()} cores",
        "minutes": round(_minutes(name), 1),
        "seeds": list(seeds),
        "effort": effort or {},
        "columns": list(columns),
        "rows": [[str(value) for value in row] for row in rows],
        "note": note,
        "data": data or {},
    }
    table = Table(title=title, title_justify="left")
    for i, column in enumerate(columns):
        table.add_column(column, justify="right" if i else "left")
    for row in result["rows"]:
        table.add_row(*row)
    console = Console(width=160)
    console.print(table)
    if note:
        console.print(note)
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.unfinished").unlink(missing_ok=True)
    kept = FOLDER / f"{name}.json"
    fewer = _fewer(result, json.loads(kept.read_text())) if kept.exists() else []
    if fewer:
        print(f"Not kept: {kept} has more of {', '.join(fewer)}. Remove it to replace it.")
        return False
    unfinished = kept.with_suffix(".json.tmp")
    unfinished.write_text(json.dumps(result, indent=2) + "\n")
    unfinished.replace(kept)
    return True


def _fewer(result, kept):
    """What a result has less of than the kept one, each with both numbers."""
    effort = kept.get("effort", {})
    pairs = {name: (result["effort"].get(name, 0), number) for name, number in effort.items()}
    for name in ("seeds", "rows", "columns"):
        pairs[name] = len(result[name]), len(kept[name])
    return [f"{name} ({had}, not {has})" for name, (has, had) in pairs.items() if has < had]


def once(name, key, compute):
    """The result of `compute()`, or what an interrupted earlier run of the benchmark computed.

    Until `publish` has all results, they are kept in benchmarks/results/NAME.unfinished. The `key`
    of a result must say everything that it depends on. "minutes" there is the time spent so far.
    """
    FOLDER.mkdir(exist_ok=True)
    unfinished = FOLDER / f"{name}.unfinished"
    done = json.loads(unfinished.read_text()) if unfinished.exists() else {}
    _EARLIER.setdefault(name, done.get("minutes", 0.0))
    if key not in done:
        value = compute()
        if unfinished.exists():  # another process may compute other cells meanwhile
            done = json.loads(unfinished.read_text())
        done[key] = value
        done["minutes"] = _minutes(name)
        new = unfinished.with_suffix(".new")
        new.write_text(json.dumps(done))
        new.replace(unfinished)
    print(key, done[key], flush=True)
    return done[key]


def _minutes(name):
    """Minutes that a benchmark has taken, without what interrupted processes did not keep."""
    return _EARLIER.get(name, 0.0) + (time.perf_counter() - _BEGUN) / 60


def page():
    """The text of docs/results.md, from the kept results."""
    parts = [
        "# Results",
        "Each table was printed by the command above it. `python benchmarks/report.py` writes this "
        "page from the kept results in benchmarks/results. Published figures stand next to ours.",
    ]
    for path in sorted(FOLDER.glob("*.json")):
        result = json.loads(path.read_text())
        headings = [column.replace("\n", " ") for column in result["columns"]]
        rows = [headings, ["---", *["---:"] * (len(result["columns"]) - 1)]]
        rows += result["rows"]
        seeds = ", ".join(map(str, result["seeds"]))
        how = f"{result['minutes']} minutes on {result['machine']}"
        parts += [
            f"## {result['title']}",
            f"`{result['command']}`: {how}" + (f", seeds {seeds}." if seeds else "."),
            "\n".join(f"| {' | '.join(row)} |" for row in rows),
        ]
        parts += [result["note"]] if result["note"] else []
        if (PAGE.parent / "images" / f"results_{path.stem}.png").exists():
            parts.append(f"![{result['title']}](images/results_{path.stem}.png)")
    return "\n\n".join(parts) + "\n"
