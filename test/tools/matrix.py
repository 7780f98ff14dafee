"""
``make test-matrix``: the formula on virtual machines of each Debian, with each Salt and each containerd.

Runs test/anywhere once for each cell, one machine after the other, and prints a table of what came of it. The
results go into matrix.json beside this file; those of cells that were not run stay.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as xml
from pathlib import Path

RESULTS = Path(__file__).with_name("matrix.json")
# A name, the Debian suite, and the suite that containerd is taken from.
NODES = {
    "debian-11": ("Debian 11", "bullseye", "bullseye"),
    "debian-12": ("Debian 12", "bookworm", "bookworm"),
    "debian-13": ("Debian 13", "trixie", "trixie"),
    "debian-13-forky": ("Debian 13, containerd of forky", "trixie", "forky"),
}


def main():
    """
    Run the cells; return the exit status.
    """
    parser = argparse.ArgumentParser(prog="make test-matrix", description=__doc__)
    parser.add_argument("--salts", type=str.split, required=True, help="Salt releases, separated by spaces")
    parser.add_argument("nodes", nargs="*", metavar="node", help=f"one of {', '.join(NODES)}; all by default")
    arguments = parser.parse_args()
    unknown = set(arguments.nodes) - set(NODES)
    if unknown:
        parser.error(f"no such node: {', '.join(sorted(unknown))}; there are {', '.join(NODES)}")
    wanted = [(node, salt) for node in arguments.nodes or NODES for salt in arguments.salts]
    ran = [cell(node, salt) for node, salt in wanted]
    keep(ran)
    print(table(results()))
    bad = [result for result in ran if not result["ok"]]
    for result in bad:
        print(f"FAILED: {result['node']}, Salt {result['salt']}: {result['summary']}", file=sys.stderr)
    return 1 if bad else 0


def cell(node, salt):
    """
    Run the tests on one machine, and return what came of it.
    """
    name, suite, source = NODES[node]
    print(f"\n{name}, Salt {salt}", flush=True)
    started = time.monotonic()
    environment = {**os.environ, "SUITE": suite, "SALT": salt, "CONTAINERD_FROM": source}
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "test/anywhere", "--verbose", f"--junitxml={report}"]
        status = subprocess.run(command, env=environment, check=False).returncode
        found = counts(report) if report.exists() else {"passed": 0, "summary": "no report", "containerd": ""}
    seconds = round(time.monotonic() - started)
    return {"node": node, "salt": salt, "ok": status == 0, "seconds": seconds, **found}


def counts(report):
    """
    Return what pytest's report says: the number of tests passed, a summary, and the containerd of the node.
    """
    # Our own pytest has written it.
    suite = xml.parse(report).getroot().find("testsuite")  # noqa: S314
    total, *bad = (int(suite.get(name)) for name in ("tests", "failures", "errors", "skipped"))
    properties = {item.get("name"): item.get("value") for item in suite.iterfind("properties/property")}
    return {
        "passed": total - sum(bad),
        "summary": "{} failed, {} errors, {} skipped".format(*bad),
        "containerd": properties.get("containerd", ""),
    }


def results():
    """
    Return the results that are kept.
    """
    return json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else []


def keep(ran):
    """
    Put results in the place of older ones of the same cells.
    """
    new = {(result["node"], result["salt"]) for result in ran}
    kept = [result for result in results() if (result["node"], result["salt"]) not in new]
    order = list(NODES)
    merged = sorted(kept + ran, key=lambda result: (order.index(result["node"]), result["salt"]))
    RESULTS.write_text(json.dumps(merged, indent=2) + "\n", encoding="utf-8")


def table(found):
    """
    Return the results as the table that docs/testing.md shows.
    """
    salts = sorted({result["salt"] for result in found})
    cells = {(result["node"], result["salt"]): result for result in found}
    lines = [
        " | ".join(["| virtual machine", "containerd", *(f"Salt {salt}" for salt in salts)]) + " |",
        "|---|---" + "|---" * len(salts) + "|",
    ]
    for node, (name, _, _) in NODES.items():
        row = [cells.get((node, salt)) for salt in salts]
        versions = sorted({result["containerd"] for result in row if result and result["containerd"]})
        said = ["not run" if not r else f"{r['passed']} passed" if r["ok"] else r["summary"] for r in row]
        lines.append(" | ".join([f"| {name}", ", ".join(versions) or "-", *said]) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
