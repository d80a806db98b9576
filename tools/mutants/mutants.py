# SPDX-License-Identifier: MIT
"""A mutation campaign: one small change at a time is made to the library, and the tests have to notice. README.md explains."""
import argparse
import collections
import concurrent.futures
import glob
import hashlib
import json
import os
import queue
import shutil
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
WORK = os.path.join(ROOT, "build", "mutants")
EQUIVALENT = os.path.join(ROOT, "tests", "mutants", "equivalent.tsv")
sys.dont_write_bytecode = True
sys.path.insert(0, HERE)


def sources():
    """What is mutated: the library as Linux has it, and the inline functions of the public headers. os/temporary.c is for
    systems without O_TMPFILE: the lane posix of .ci/run runs it, and no test of this build."""
    found = glob.glob("src/**/*.c", root_dir=ROOT, recursive=True) + glob.glob("include/myelon/*_inline.h", root_dir=ROOT)
    return sorted(p for p in found if not p.startswith(("src/os/posix/", "src/os/temporary")))


def read(path):
    with open(os.path.join(ROOT, path)) as file:
        return file.read()


def digest(*parts):
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


def load_json(name, otherwise):
    try:
        with open(os.path.join(WORK, name)) as file:
            return json.load(file)
    except (OSError, ValueError):
        return otherwise


def save_json(name, value):
    path = os.path.join(WORK, name)
    with open(path + ".new", "w") as file:
        json.dump(value, file)
    os.replace(path + ".new", path)


def tracked():
    """The files of the tree that git knows or would take."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True,
                            stdout=subprocess.PIPE).stdout.decode()
    return [p for p in listed.split("\0") if p and os.path.isfile(os.path.join(ROOT, p))]


def copy_tree(into):
    """Brings a worker's copy of the tree up to date. What is the same keeps its time, so that little is built again."""
    wanted = set(tracked())
    for path in wanted:
        source, target = os.path.join(ROOT, path), os.path.join(into, path)
        with open(source, "rb") as file:
            content = file.read()
        if os.path.exists(target):
            with open(target, "rb") as file:
                if file.read() == content:
                    continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb") as file:
            file.write(content)
        shutil.copymode(source, target)
    for folder, _, files in os.walk(into):
        for name in files:
            path = os.path.relpath(os.path.join(folder, name), into)
            if path not in wanted:
                os.remove(os.path.join(into, path))


class Worker:
    """A process in a sandbox of its own, which builds and runs tests in its own copy of the tree."""

    def __init__(self, number, copy_of=None):
        self.home = os.path.join(WORK, f"worker{number}")
        if copy_of: # with times and all: there is nothing to build in it
            shutil.rmtree(self.home, ignore_errors=True)
            subprocess.run(["cp", "-a", copy_of.home, self.home], check=True)
        os.makedirs(self.home, exist_ok=True)
        copy_tree(os.path.join(self.home, "tree"))
        self.log = open(os.path.join(WORK, f"worker{number}.log"), "w")
        self.process = subprocess.Popen(
            [os.path.join(HERE, "sandbox.sh"), self.home, os.path.realpath(sys.executable), "tree/tools/mutants/worker.py"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True)

    def ask(self, do, **request):
        self.process.stdin.write(json.dumps({"do": do, **request}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"mutants: a worker has ended; see {self.log.name}. It needs root, or user namespaces.")
        answer = json.loads(line)
        if "error" in answer and "outcome" not in answer:
            sys.exit(f"mutants: {do}: {answer['error']}")
        return answer

    def end(self):
        self.process.stdin.close()
        self.process.wait()
        self.log.close()


class Workers:
    """Gives each item, in the order given, to the next free worker."""

    def __init__(self, count):
        first = Worker(0)
        self.tests = first.ask("prepare")["tests"]
        self.all = [first]
        for number in range(1, count):
            self.all.append(Worker(number, first))
    def each(self, items, do):
        """Yields (item, answer) of do(worker, item), as they come."""
        free = queue.Queue()
        for worker in self.all:
            free.put(worker)

        def run(item):
            worker = free.get()
            try:
                return item, do(worker, item)
            finally:
                free.put(worker)

        with concurrent.futures.ThreadPoolExecutor(len(self.all)) as pool:
            for done in concurrent.futures.as_completed([pool.submit(run, item) for item in items]):
                yield done.result()

    def end(self):
        for worker in self.all:
            worker.end()


class Progress:
    """One line on a terminal; elsewhere a line every tenth."""

    def __init__(self, what, total):
        self.what, self.total, self.last = what, total, -1

    def show(self, done, more=""):
        tenth = done * 10 // max(self.total, 1)
        line = f"mutants: {self.what}: {done} of {self.total}{more}"
        if sys.stderr.isatty():
            print(f"\r\033[K{line}", end="\n" if done == self.total else "", file=sys.stderr, flush=True)
        elif tenth != self.last:
            print(line, file=sys.stderr, flush=True)
        self.last = tenth


# --- what is known of tests ------------------------------------------------------------------------------------------


def tree_digest():
    parts = []
    for path in sorted(tracked()):
        if path.startswith(("src/", "include/", "tests/", "cli/")) and not path.startswith("tests/mutants/"):
            with open(os.path.join(ROOT, path), "rb") as file:
                parts.append(path + " " + hashlib.sha256(file.read()).hexdigest())
    return digest(*parts)


def sources_of(test):
    """The digest of what the test is made of: its own file and those beside it."""
    folder, name = test.split(".", 1)
    files = glob.glob(f"tests/{folder}/*", root_dir=ROOT)
    own = [p for p in files if os.path.basename(p).startswith(f"{name}_test.")]
    mine = own + [p for p in files if "_test." not in p]
    return digest(*[read(p) for p in sorted(mine) if os.path.isfile(os.path.join(ROOT, p))])


def measure(workers, most):
    """Seconds of each test on what is not mutated. Those that fail there can catch nothing, and are left out, as are those
    that take longer than `most` seconds."""
    known = load_json("seconds.json", {})

    def is_known(test):
        entry = known.get(test["name"], {})
        return entry.get("sources") == sources_of(test["name"]) and (entry["status"] != 124 or entry["seconds"] >= most)

    wanted = [t for t in workers.tests if not is_known(t)]
    progress = Progress("measuring tests", len(wanted))
    for done, (test, answer) in enumerate(workers.each(wanted, lambda w, t: w.ask("baseline", test=t, most=min(most, 240))), 1):
        known[test["name"]] = {"sources": sources_of(test["name"]), **answer}
        progress.show(done)
    save_json("seconds.json", known)
    short = [t for t in workers.tests if known[t["name"]]["seconds"] <= most]
    failing = [t["name"] for t in short if known[t["name"]]["status"] not in (0, 77)]
    for name in failing:
        print(f"mutants: {name} fails without a mutation, and is left out", file=sys.stderr)
    return [t for t in short if t["name"] not in failing], {n: k["seconds"] for n, k in known.items()}


def measure_coverage(workers, stale):
    """Which functions each test runs, or {} of a test that is not known: it is taken for one that runs all."""
    tree = tree_digest()
    known = load_json("coverage.json", {})
    if known.get("tree") == tree or (stale and known):
        return known["tests"]
    tests = workers.all[0].ask("coverage_build")["tests"]
    progress = Progress("coverage", len(tests))
    covered = {}
    # One worker has the build; its tests wait more than they compute, but counts are written where it is.
    for done, test in enumerate(tests, 1):
        answer = workers.all[0].ask("coverage", test=test)
        if answer["files"]:
            covered[test["name"]] = answer["files"]
        progress.show(done)
    save_json("coverage.json", {"tree": tree, "tests": covered})
    return covered


def reaches(test, mutant, covered):
    """Does the test run the mutated function? Killed processes count nothing, so the line itself says too little."""
    if test["folder"] == "sim":
        return not mutant["file"].startswith("src/os/")
    files = covered.get(test["name"])
    if files is None:
        return True
    entry = files.get(mutant["file"])
    return entry is not None and (mutant["function"] == "" or mutant["function"] in entry["functions"] or mutant["line"] in entry["lines"])


# --- the campaign ----------------------------------------------------------------------------------------------------


def equivalents():
    """(file, function, before, after) of the mutants that are known to change nothing."""
    known = {}
    with open(EQUIVALENT) as file:
        for line in file:
            if line.startswith("#") or not line.strip():
                continue
            *key, reason = line.rstrip("\n").split("\t")
            known[tuple(key)] = reason
    return known


def identity(mutant):
    return (mutant["file"], mutant["function"], mutant["before"], mutant["after"])


def candidates(request):
    import generate
    paths = [p for p in sources() if not request.file or any(f in p for f in request.file)]
    if not paths:
        sys.exit(f"mutants: no source has \"{request.file[0]}\" in its path")
    found = []
    for path in paths:
        text = read(path)
        for mutant in generate.mutants_of(path, text):
            mutant["mutated"] = generate.apply(text, mutant)
            mutant["key"] = digest(path, text, mutant["mutated"])
            found.append(mutant)
    # By a digest, so that a change of a source changes little of the sample.
    times = collections.Counter()
    for mutant in found:
        times[identity(mutant)] += 1
        mutant["order"] = digest(str(request.seed), *identity(mutant), str(times[identity(mutant)]))
    if not request.file:
        for row in sorted(set(equivalents()) - set(times)):
            print(f"mutants: {os.path.relpath(EQUIVALENT, ROOT)}: {row[0]}: no mutant any more: {row[3]}", file=sys.stderr)
    return sorted(found, key=lambda mutant: mutant["order"])


class Campaign:
    def __init__(self, request, workers):
        self.request, self.workers = request, workers
        self.results = load_json("outcomes.json", {})
        self.lock = threading.Lock()
        self.kills = collections.Counter()
        self.texts = {p: read(p) for p in sources()}

    def check(self, worker, mutant):
        key = mutant["key"] + ".check"
        if key not in self.results:
            self.results[key] = worker.ask("check", file=mutant["file"], original=self.texts[mutant["file"]],
                                           text=mutant["mutated"])
        return self.results[key]["outcome"]

    def choose(self, found, wanted):
        """The first `wanted` that compile to other code and are not listed; and a count of what was passed over."""
        known, chosen, passed = equivalents(), [], collections.Counter()
        progress = Progress("compiling mutants", wanted)
        while found and len(chosen) < wanted:
            block, found = found[: max(8, wanted - len(chosen))], found[max(8, wanted - len(chosen)):]
            outcomes = {}
            for mutant, outcome in self.workers.each(block, self.check):
                outcomes[mutant["key"]] = outcome
            for mutant in block:
                outcome = outcomes[mutant["key"]]
                if outcome == "counted" and identity(mutant) in known:
                    outcome = "listed"
                if len(chosen) == wanted:
                    break
                if outcome == "counted":
                    chosen.append(mutant)
                else:
                    passed[outcome] += 1
            progress.show(len(chosen))
        return chosen, passed

    def remembered(self, mutant, all_tests):
        """The result of an earlier run, as long as the test that caught it, or all that did not, are the same."""
        result = self.results.get(mutant["key"])
        if result is None:
            return None
        return result if result["tests"] == (sources_of(result["by"]) if result["outcome"] == "caught" else all_tests) else None

    def judge(self, worker, mutant, tests, seconds, covered):
        with self.lock:
            kills = {t["name"]: self.kills[mutant["file"], t["name"]] for t in tests}
        cost = {t["name"]: (seconds[t["name"]] + 0.1) / (1 + kills[t["name"]]) for t in tests}
        reaching = sorted([t for t in tests if reaches(t, mutant, covered)], key=lambda t: cost[t["name"]])
        limits = {t["name"]: max(10 * seconds[t["name"]], 20) for t in reaching}
        result = worker.ask("judge", file=mutant["file"], original=self.texts[mutant["file"]], text=mutant["mutated"],
                            tests=reaching, seconds=limits)
        with self.lock:
            if result["outcome"] == "caught":
                self.kills[mutant["file"], result["by"]] += 1
        return result

    def run(self, chosen, tests, seconds, covered):
        all_tests = digest(*[sources_of(t["name"]) for t in tests])
        answers, open_ones = {}, []
        for mutant in chosen: # in the order drawn: those judged when time is up are a random sample, too
            answers[mutant["key"]] = self.remembered(mutant, all_tests)
            if answers[mutant["key"]] is None:
                open_ones.append(mutant)
        progress, counts = Progress("running tests", len(open_ones)), collections.Counter()

        def judge(worker, mutant):
            return self.judge(worker, mutant, tests, seconds, covered) if time.monotonic() < self.request.end else None

        for mutant, result in self.workers.each(open_ones, judge):
            if result is None:
                continue
            result.update(place=f"{mutant['file']}:{mutant['line']}", before=mutant["before"], after=mutant["after"])
            result["tests"] = sources_of(result["by"]) if result["outcome"] == "caught" else all_tests
            answers[mutant["key"]] = self.results[mutant["key"]] = result
            counts[result["outcome"]] += 1
            save_json("outcomes.json", self.results)
            progress.show(sum(counts.values()), f", {counts['caught']} caught, {counts['survived']} survived")
        return answers


def enough(caught, counted, threshold):
    return counted > 0 and 100 * caught >= threshold * counted


def report(chosen, answers, passed, threshold):
    """Prints and writes the results; false if fewer than `threshold` percent were caught."""
    rows, files = [], collections.defaultdict(collections.Counter)
    for mutant in sorted(chosen, key=lambda m: (m["file"], m["line"])):
        result = answers[mutant["key"]]
        files[mutant["file"]][result["outcome"]] += 1
        rows.append([f"{mutant['file']}:{mutant['line']}", mutant["function"], mutant["before"], mutant["after"],
                     result["outcome"], result["by"] + (" (time-out)" if result.get("how") == "time-out" else "")])
    with open(os.path.join(WORK, "report.tsv"), "w") as file:
        file.writelines("\t".join(row) + "\n" for row in [["place", "function", "before", "after", "result", "by"], *rows])
    print(f"{'file':40} {'mutants':>8} {'caught':>8} {'survived':>9}")
    for path, counts in sorted(files.items()):
        print(f"{path:40} {counts['caught'] + counts['survived']:8} {counts['caught']:8} {counts['survived']:9}")
    for place, function, before, after, outcome, _ in rows:
        if outcome == "survived":
            print(f"survived: {place} {function}\n    - {before}\n    + {after}")
    caught = sum(c["caught"] for c in files.values())
    counted = caught + sum(c["survived"] for c in files.values())
    percent = 100 * caught / counted if counted else 0
    by = collections.Counter(answers[m["key"]]["by"].split(".")[0] for m in chosen if answers[m["key"]]["outcome"] == "caught")
    print("caught by: " + ", ".join(f"{folder} {n}" for folder, n in by.most_common()))
    print("not counted: " + ", ".join([f"{passed['invalid']} do not compile", f"{passed['same code']} give the same code",
                                      f"{passed['listed']} listed as equivalent"]))
    print(f"Each mutant: {os.path.relpath(WORK, ROOT)}/report.tsv")
    print(f"{caught} of {counted} caught ({percent:.1f} %); {threshold} % are wanted")
    return enough(caught, counted, threshold)


def campaign(request):
    workers = Workers(request.jobs)
    try:
        tests, seconds = measure(workers, request.most_seconds)
        covered = measure_coverage(workers, request.stale) if request.coverage else {}
        run = Campaign(request, workers)
        found = candidates(request)
        chosen, passed = run.choose(found, request.sample or len(found))
        answers = run.run(chosen, tests, seconds, covered)
    finally:
        workers.end()
    judged = [m for m in chosen if answers[m["key"]] is not None]
    if len(judged) < len(chosen):
        print(f"mutants: time is up: {len(judged)} of {len(chosen)}, the first of those drawn", file=sys.stderr)
    chosen = [m for m in judged if answers[m["key"]]["outcome"] != "invalid"]
    return report(chosen, answers, passed, request.threshold)


def selftest(request):
    """The campaign itself: what is survived without tests is caught with them, and code that is the same is not counted."""
    workers = Workers(1)
    run = Campaign(request, workers)
    path = "src/segment/name.c"
    text = run.texts[path]
    start = text.index("return MYL_OK;")
    made = {
        "counted": text[:start] + "return MYL_ENAME;" + text[start + len("return MYL_OK;"):],
        "same code": text.replace("return MYL_OK;", "return (MYL_OK);", 1),
        "invalid": text.replace("return MYL_OK;", "return MYL_OK", 1),
    }
    failures = 0

    def expect(what, got, wanted):
        nonlocal failures
        if got != wanted:
            failures += 1
            print(f"mutants: selftest: {what}: \"{got}\", expected \"{wanted}\"")

    try:
        for wanted, mutated in made.items():
            answer = workers.all[0].ask("check", file=path, original=text, text=mutated)
            expect(f"the mutant that is \"{wanted}\"", answer["outcome"], wanted)
        mutant = {"file": path, "function": "", "line": 1, "mutated": made["counted"]}
        tests = [t for t in workers.tests if t["name"] == "unit.name"]
        seconds = {"unit.name": 1.0}
        expect("without tests", run.judge(workers.all[0], mutant, [], seconds, {})["outcome"], "survived")
        expect("with its test", run.judge(workers.all[0], mutant, tests, seconds, {})["outcome"], "caught")
        mutant["mutated"] = text
        expect("without a mutation", run.judge(workers.all[0], mutant, tests, seconds, {})["outcome"], "survived")
        expect("the campaign with 94 of 100", enough(94, 100, 95), False)
        expect("the campaign with 95 of 100", enough(95, 100, 95), True)
        expect("the campaign without a mutant", enough(0, 0, 95), False)
    finally:
        workers.end()
    print(f"mutants: selftest: {failures} failures")
    return failures == 0


def main():
    parser = argparse.ArgumentParser(prog="./run mutants", description=__doc__)
    parser.add_argument("--sample", type=int, default=0, help="this many, drawn at random; without it, all")
    parser.add_argument("--seed", type=int, default=1, help="which sample (1)")
    parser.add_argument("--file", action="append", help="only sources with this text in their path; may be repeated")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="workers (one for each processor)")
    parser.add_argument("--threshold", type=float, default=95, help="percentage that must be caught (95)")
    parser.add_argument("--most-seconds", type=float, default=1e9, help="leaves out tests that take longer")
    parser.add_argument("--minutes", type=float, default=1e9, help="begins no mutant later than this, and reports what there is")
    parser.add_argument("--coverage", action=argparse.BooleanOptionalAction, default=True,
                        help="runs only tests that reach the mutated function")
    parser.add_argument("--stale", action="store_true", help="takes an older coverage for granted")
    parser.add_argument("--selftest", action="store_true", help="checks the campaign itself")
    request = parser.parse_args()
    os.makedirs(WORK, exist_ok=True)
    begin = time.monotonic()
    request.end = begin + 60 * request.minutes
    good = selftest(request) if request.selftest else campaign(request)
    print(f"mutants: {time.monotonic() - begin:.0f} s", file=sys.stderr)
    sys.exit(0 if good else 1)


main()
