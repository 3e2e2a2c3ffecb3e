"""Writes all kept results to one page, docs/results.md.

python benchmarks/report.py
"""

from _results import PAGE, page

if __name__ == "__main__":
    PAGE.write_text(page())
    print(PAGE)
