"""``python -m tests.benchmarks NAME [options]``: run one benchmark and print its line; exit 1 when a bar is missed.

Raw samples and settings go to ``$OUT/NAME.jsonl`` (default: a temporary folder, named in the line).
"""

import json
import sys
from argparse import ArgumentParser
from importlib import import_module

from tests.benchmarks.report import Report, out_folder

NAMES = (
    "alert",
    "ami_parse",
    "call_cpu",
    "events",
    "lookup",
    "mirror",
    "pop",
    "queue_latency",
    "queue_trace",
    "routing",
    "start",
    "takeover",
)


def main() -> int:
    """Run what the command line names."""
    parser = ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="name", required=True, metavar="NAME")
    modules = {name: import_module(f"tests.benchmarks.{name}") for name in NAMES}
    for name, module in modules.items():
        summary = (module.__doc__ or "").partition("\n")[0]
        module.options(commands.add_parser(name, help=summary, description=module.__doc__))
    given = parser.parse_args()
    module = modules[given.__dict__.pop("name")]
    report: Report = module.run(given)
    print(json.dumps(report.finish(out_folder())))
    return 0 if report.holds else 1


if __name__ == "__main__":
    sys.exit(main())
