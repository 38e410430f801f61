#!/usr/bin/env python3
"""Holds the YAML editor against PyYAML: what it made of a document must read as the document with those edits.

generated  documents and mutated ones, with random edits; every one is read by libyaml (CSafeLoader), a sample also by
           PyYAML's own scanner (SafeLoader), which shares no code with the editor
corpus     all *.yaml and *.yml under a folder: no edits, and scalars set to the values they have, change no byte; random
           edits are judged as above
time       CPU of one exchange of two ranks beside the parse and emit of the whole document

Exits 1 if anything is wrong.

usage: splice_oracle.py generated SPLICE_ORACLE [--documents 100000] [--seed 1]
       splice_oracle.py corpus SPLICE_ORACLE FOLDER [--seed 1]
       splice_oracle.py time SPLICE_ORACLE [--rounds 5]
"""

import argparse
import collections
import io
import itertools
import json
import multiprocessing
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

import ruamel.yaml
import yaml

if not yaml.__with_libyaml__:
    sys.exit("splice_oracle: PyYAML was built without libyaml")

CHUNK = 2_500
PURE_ONE_IN = 4
TAG = "tag:yaml.org,2002:"
REMOVED = "removed"
CONSTRUCTOR = yaml.SafeLoader("")


# What a document holds: ("scalar", tag, text), ("sequence", tag, [...]) or ("mapping", tag, [(key, value), ...]), as
# PyYAML composes it: types are resolved, duplicate keys and the order of keys are kept.

def read(text, loader):
    node = yaml.compose(text, loader)
    return node, None if node is None else meaning(node, {}, ())


def meaning(node, edits, inside):
    """The node's tree after the edits, which are keyed by the identity of PyYAML's nodes."""
    if id(node) in inside:
        return ("cycle",)
    inside += (id(node),)
    if isinstance(node, yaml.ScalarNode):
        return ("scalar", node.tag, node.value)
    is_mapping = isinstance(node, yaml.MappingNode)
    inserted = edits.get(("insert", id(node)), [])
    children = []
    for position, child in enumerate(node.value):
        children += [value for at, value in inserted if at == position]
        change = edits.get((id(node), position))
        if change == REMOVED:
            continue
        key, value = child if is_mapping else (None, child)
        new = change or meaning(value, edits, inside)
        children.append((meaning(key, edits, inside), new) if is_mapping else new)
    children += [value for at, value in inserted if at >= len(node.value)]
    return ("mapping" if is_mapping else "sequence", node.tag, children)


def wanted(value):
    """What a value that was written has to read as."""
    if value is None:
        return ("null",)
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, int):
        return ("int", value)
    if isinstance(value, str):
        return ("scalar", TAG + "str", value)
    if isinstance(value, list):
        return ("sequence", TAG + "seq", [wanted(item) for item in value])
    return ("mapping", TAG + "map", [(wanted(key), wanted(item)) for key, item in value["map"]])


def items_wanted(value, old):
    """Over a list, items that read the same text stay as they are written, whatever their type."""
    tree = wanted(value)
    if isinstance(value, list) and isinstance(old, yaml.SequenceNode):
        kept = {(node.tag, node.value) for node in old.value if isinstance(node, yaml.ScalarNode)}
        tree = (*tree[:2], [("item", item, kept) if item[0] == "scalar" else item for item in tree[2]])
    return tree


def equal(want, got):
    kind = want[0]
    if kind == "item":
        same_text = got[0] == "scalar" and got[2] == want[1][2] and got[1:] in want[2]
        return same_text or equal(want[1], got)
    if kind in ("null", "bool", "int"):
        if got[0] != "scalar" or got[1] != TAG + kind:
            return False
        return kind == "null" or CONSTRUCTOR.construct_object(yaml.ScalarNode(got[1], got[2])) == want[1]
    if kind != got[0] or want[1:2] != got[1:2]:
        return False
    if kind in ("scalar", "cycle"):
        return want == got
    if len(want[2]) != len(got[2]):
        return False
    if kind == "sequence":
        return all(equal(*pair) for pair in zip(want[2], got[2]))
    return all(equal(w[0], g[0]) and equal(w[1], g[1]) for w, g in zip(want[2], got[2]))


def find(root, path):
    """The node at a path, and its place in its parent."""
    node, parent, position = root, None, None
    for step in path:
        parent = node
        if isinstance(step, int):
            position = step
            node = parent.value[position]
        else:
            position = next(i for i, (key, _) in enumerate(parent.value)
                            if isinstance(key, yaml.ScalarNode) and key.value == step)
            node = parent.value[position][1]
    return node, parent, position


def expected(root, edits):
    """What the document may read as, from PyYAML's reading of it and the edits alone.

    A key that is to go behind `name` may go first instead: where it can stand is the editor's business."""
    is_empty = root is None or (isinstance(root, yaml.ScalarNode) and root.start_mark.index == root.end_mark.index)
    if is_empty and all(edit[0] == "key" for edit in edits):
        yield ("mapping", TAG + "map", [(wanted(key), wanted(value)) for _, _, key, value, _ in edits])
        return
    choices = sum(edit[0] == "key" and edit[4] == "after" for edit in edits)
    for behind in itertools.product((True, False), repeat=choices):
        behind = iter(behind)
        changes, whole = {}, None
        for operation, path, *rest in edits:
            node, parent, position = find(root, path)
            if operation == "set" and parent is None:
                whole = items_wanted(rest[0], node)
            elif operation == "set":
                changes[id(parent), position] = items_wanted(rest[0], node)
            elif operation == "remove":
                changes[id(parent), position] = REMOVED
            elif operation == "entry":
                changes.setdefault(("insert", id(node)), []).append((rest[0], wanted(rest[1])))
            else:
                key, value, place = rest
                names = [key.value if isinstance(key, yaml.ScalarNode) else None for key, _ in node.value]
                at = len(names) if place == "last" else 0
                if place == "after" and next(behind) and "name" in names:
                    at = names.index("name") + 1
                changes.setdefault(("insert", id(node)), []).append((at, (wanted(key), wanted(value))))
        yield whole or meaning(root, changes, ())


def surroundings_kept(before, after, root, edits, is_pure):
    """A scalar over a scalar may change the text between that scalar's marks, and none outside of them."""
    if len(edits) > 1 or edits[0][0] != "set" or isinstance(edits[0][2], (list, dict)) or root is None:
        return True
    node = find(root, edits[0][1])[0]
    if not isinstance(node, yaml.ScalarNode):
        return True
    # libyaml's marks do not count the byte order mark.
    shift = 1 if before.startswith("\ufeff") and not is_pure else 0
    head, tail = before[: node.start_mark.index + shift], before[node.end_mark.index + shift:]
    if node.start_mark.index == node.end_mark.index:
        # Where nothing is written, one reader's mark is before the spaces, the other's behind them.
        head, tail = head.rstrip(" \t"), tail.lstrip(" \t")
    return len(after) >= len(head) + len(tail) and after.startswith(head) and after.endswith(tail)


REASONS = [
    (r"'.*' is there", "'KEY' is there"), (r"&\S+", "&ANCHOR"), (r"in line \d+", "in line N"), (r"\d+ entries", "N entries"),
    (r"would break the file \(.*\)", "would break the file"), (r"^.* (is not (there|a list|a mapping))", r"PATH \1"), (r"(?s)'.*'", "'...'"),
]


def reason_class(reason):
    for pattern, replacement in REASONS:
        reason = re.sub(pattern, replacement, reason, flags=re.DOTALL)
    return reason


class Tally:
    def __init__(self):
        self.counts = collections.Counter()
        self.refusals = collections.Counter()
        self.clarified = collections.Counter()
        self.digests = set()
        self.wrong = []

    def add(self, other):
        self.counts += other.counts
        self.refusals += other.refusals
        self.clarified += other.clarified
        self.digests |= other.digests
        self.wrong += other.wrong


def judge(record, tally, loader, name):
    before = record["before"]
    try:
        root, _ = read(before, loader)
    except (yaml.YAMLError, RecursionError):
        tally.counts[f"{name}: cannot read the original"] += 1
        return
    accepted = False
    for case in record["cases"]:
        edits = case["edits"]
        if "refused" in case:
            if name == "libyaml":
                tally.counts["cases refused"] += 1
                tally.refusals[reason_class(case["refused"])] += 1
            continue
        if not edits:
            continue
        accepted = True
        tally.counts[f"{name}: cases compared"] += 1
        try:
            _, got = read(case["after"], loader)
            right = got is not None and any(equal(want, got) for want in expected(root, edits))
            if right and not surroundings_kept(before, case["after"], root, edits, name == "pure"):
                right, why = False, "text outside of the value"
            else:
                why = "value"
        except (yaml.YAMLError, StopIteration, IndexError, AttributeError, TypeError, ValueError) as error:
            right, why = False, repr(error)
        if not right:
            tally.wrong.append((name, why, edits, before, case["after"], record.get("path")))
    if accepted:
        tally.counts[f"{name}: documents compared"] += 1
        if name == "libyaml":
            tally.digests.add(hash(before))


def generated_chunk(arguments):
    binary, seed = arguments
    tally = Tally()
    with subprocess.Popen([binary, "cases", str(seed), str(CHUNK)], stdout=subprocess.PIPE) as process:
        for number, line in enumerate(process.stdout):
            record = json.loads(line)
            tally.counts["documents made"] += 1
            judge(record, tally, yaml.CSafeLoader, "libyaml")
            if number % PURE_ONE_IN == 0:
                judge(record, tally, yaml.SafeLoader, "pure")
    if process.returncode != 0:
        tally.wrong.append(("editor", f"exit {process.returncode}, seed {seed}", None, "", "", None))
    return tally


# Booleans in YAML 1.1's text, strings to PyYAML: set to true or false, they are written so that all read them alike.
ONE_LETTER_BOOLEANS = ("y", "Y", "n", "N")


def corpus_chunk(arguments):
    binary, seed, paths = arguments
    tally = Tally()
    done = subprocess.run([binary, "corpus", str(seed)], input="\n".join(paths).encode(), capture_output=True, check=False)
    if done.returncode != 0:
        tally.wrong.append(("editor", f"exit {done.returncode} in {paths[0]} ...", None, "", "", None))
    for number, line in enumerate(done.stdout.splitlines()):
        record = json.loads(line)
        counts = tally.counts
        counts["files"] += 1
        if "refused" in record or "unreadable" in record:
            counts["files refused"] += 1
            tally.refusals["FILE: " + reason_class(record.get("refused", "unreadable"))] += 1
            continue
        counts["files accepted"] += 1
        counts["no edits: identical"] += record["noEditsIdentical"]
        if not record["noEditsIdentical"]:
            tally.wrong.append(("editor", "no edits changed bytes", None, "", "", record["path"]))
        counts["scalars"] += record["scalars"]
        counts["scalars that are floats (not set)"] += record["floats"]
        counts["scalars set to their value"] += record["made"]
        tally.refusals.update("SCALAR: " + reason_class(reason) for reason in record["refusals"])
        for text in record["changed"]:
            if text in ONE_LETTER_BOOLEANS:
                tally.clarified[text] += 1
            else:
                tally.wrong.append(("editor", "no-op changed bytes", None, text, "", record["path"]))
        if record["cases"]:
            judge(record, tally, yaml.CSafeLoader, "libyaml")
            if number % PURE_ONE_IN == 0:
                judge(record, tally, yaml.SafeLoader, "pure")
    return tally


def report(tally, began):
    for name, count in sorted(tally.counts.items()):
        print(f"{count:>10,}  {name}")
    print(f"{len(tally.digests):>10,}  distinct documents compared")
    if tally.clarified:
        most = ", ".join(f"{text} ({count})" for text, count in tally.clarified.most_common(12))
        print(f"{tally.clarified.total():>10,}  one-letter booleans were written out: {most}")
    print("refused:")
    for reason, count in tally.refusals.most_common():
        print(f"{count:>10,}  {reason}")
    for name, why, edits, before, after, path in tally.wrong[:10]:
        print(f"WRONG ({name}, {why}) {path or ''}\n  edits  {edits}\n  before {before!r}\n  after  {after!r}")
    print(f"{len(tally.wrong)} wrong, {time.monotonic() - began:.0f} s")
    return 1 if tally.wrong else 0


def run_chunks(work, chunks, enough):
    tally = Tally()
    with multiprocessing.Pool() as pool:
        for part in pool.imap(work, chunks):
            tally.add(part)
            if enough(tally):
                pool.terminate()
                break
    return tally


def generated(options):
    began = time.monotonic()
    # A document may be refused, or not be read by PyYAML: three times as many chunks are on offer as have to do.
    chunks = [(options.binary, options.seed * 1_000_003 + number) for number in range(3 * options.documents // CHUNK + 2)]
    tally = run_chunks(generated_chunk, chunks, lambda tally: len(tally.digests) >= options.documents)
    status = report(tally, began)
    if len(tally.digests) < options.documents:
        print(f"only {len(tally.digests)} of {options.documents} documents were compared")
        return 1
    return status


def corpus(options):
    began = time.monotonic()
    paths = sorted(
        os.path.join(folder, name) for folder, _, names in os.walk(options.folder)
        for name in names if name.endswith((".yaml", ".yml")) and "\n" not in name)
    if not paths:
        print(f"no *.yaml or *.yml under {options.folder}")
        return 1
    chunks = [(options.binary, options.seed + at, paths[at:at + 100]) for at in range(0, len(paths), 100)]
    return report(run_chunks(corpus_chunk, chunks, lambda _: False), began)


def processor_milliseconds(work, runs):
    times = []
    for _ in range(runs):
        start = time.process_time()
        work()
        times.append((time.process_time() - start) * 1_000)
    return statistics.median(times)


def ruamel_round_trip(text):
    editor = ruamel.yaml.YAML()
    editor.preserve_quotes = True
    document = editor.load(text)
    document["endpoints"][0]["priority"], document["endpoints"][1]["priority"] = 2, 1
    editor.dump(document, io.StringIO())


def timing(options):
    sizes = {10: (201, 21), 1_000: (21, 1), 10_000: (5, 1)}
    print("| endpoints | file | edit, scan kept | edit, scanned | libyaml parse + emit | PyYAML C load + dump"
          " | ruamel.yaml load + dump |")
    print("|---|---|---|---|---|---|---|")
    for size, (runs, python_runs) in sizes.items():
        text = subprocess.run([options.binary, "sample", str(size)], capture_output=True, check=True).stdout
        rounds = collections.defaultdict(list)
        with tempfile.NamedTemporaryFile(suffix=".yaml") as file:
            file.write(text)
            file.flush()
            for number in range(options.rounds):
                line = subprocess.run([options.binary, "time", file.name, str(runs)], capture_output=True, check=True)
                for name, milliseconds in json.loads(line.stdout).items():
                    rounds[name].append(milliseconds)
                rounds["pyyaml"].append(processor_milliseconds(
                    lambda: yaml.dump(yaml.load(text, yaml.CSafeLoader), Dumper=yaml.CSafeDumper), python_runs))
                if size <= 1_000 and number == 0:
                    rounds["ruamel"].append(processor_milliseconds(lambda: ruamel_round_trip(text.decode()), 1))
        median = {name: statistics.median(times) for name, times in rounds.items()}

        def cell(name, median=median):
            if name not in median:
                return "not run"
            return f"{median[name]:.3g} ms ({median[name] / median['kept']:,.1f}x)"

        print(f"| {size:,} | {len(text) / 1_000:,.1f} kB | {median['kept']:.3g} ms | "
              + " | ".join(cell(name) for name in ("scanned", "libyaml", "pyyaml", "ruamel")) + " |", flush=True)
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    for name, action in (("generated", generated), ("corpus", corpus), ("time", timing)):
        command = commands.add_parser(name)
        command.set_defaults(action=action)
        command.add_argument("binary", metavar="SPLICE_ORACLE", type=lambda path: str(pathlib.Path(path).resolve()))
        command.add_argument("--seed", type=int, default=1)
        if name == "generated":
            command.add_argument("--documents", type=int, default=100_000)
        elif name == "corpus":
            command.add_argument("folder")
        else:
            command.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    sys.exit(options.action(options))


if __name__ == "__main__":
    main()
