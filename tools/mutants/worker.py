# SPDX-License-Identifier: MIT
"""Works inside a sandbox (sandbox.sh): builds its copy of the tree, compiles mutants, runs tests. It takes one request a line on
standard input, a JSON object, and answers each with one line."""
import glob
import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import time

ROOT = "/mnt"
TREE = ROOT + "/tree"
BUILD = ROOT + "/build"
COVERAGE = ROOT + "/coverage"
# In rising cost. What is left out says nothing of src: the simulator's own checks, planted bugs, lints, benchmarks.
FOLDERS = ["unit", "codec", "threads", "process", "cli", "sim", "fault", "crash", "fuzz"]
LEFT_OUT = {"sim.litmus", "sim.planted"}
LEFT_OUT_FOLDERS = {"planted", "lint", "bench", "example", "support", "interop", "ffi"}
# Fails at once in one run of many on a busy machine: such a failure has to show twice.
REPEATED = {"threads", "process", "cli", "fault", "crash"}
# As the lanes of .ci/run build it: what warns does not compile.
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror"]
COMPILE = ["cc", "-std=c11", "-O2", "-DNDEBUG", "-D_GNU_SOURCE=", "-fPIC", "-Iinclude", "-Isrc", *STRICT]


def quiet(command, **more):
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **more)


def built(build, *targets):
    done = quiet(["ninja", "-C", build, *targets])
    return None if done.returncode == 0 else done.stdout.decode(errors="replace")[-3000:]


def configure(build, flags):
    done = quiet(["cmake", "-S", TREE, "-B", build, "-G", "Ninja", "-DMYELON_BUILD_BENCH=OFF", "-DMYELON_BUILD_EXAMPLES=OFF", *flags])
    if done.returncode != 0:
        raise RuntimeError(done.stdout.decode(errors="replace")[-3000:])
    error = built(build)
    if error:
        raise RuntimeError(error)


def bounded(command):
    """The same test, with an end that depends on no clock where there is a choice, and smaller."""
    name = os.path.basename(command[3]) if len(command) > 3 else ""
    if name == "sim" and "--exhaust" not in command:
        return command[:4] + ["--schedules", "150", "--quiet"]
    if name.endswith("_replay"):
        return [a if a != "3000" else "400" for a in command]
    return command


def list_tests(build):
    listed = json.loads(quiet(["ctest", "--test-dir", build, "--show-only=json-v1"]).stdout)
    tests = []
    for test in listed["tests"]:
        properties = {p["name"]: p["value"] for p in test.get("properties", [])}
        label = (properties.get("LABELS") or [""])[0]
        if label not in FOLDERS and label not in LEFT_OUT_FOLDERS:
            raise RuntimeError(f"{test['name']}: the folder \"{label}\" is neither in FOLDERS nor in LEFT_OUT_FOLDERS of worker.py")
        if label not in FOLDERS or test["name"] in LEFT_OUT or "command" not in test:
            continue
        command = bounded(test["command"])
        environment = dict(e.split("=", 1) for e in properties.get("ENVIRONMENT", []))
        needed = [a for a in command + list(environment.values()) if a.startswith(build + "/") and os.path.isfile(a)]
        tests.append({"name": test["name"], "folder": label, "command": command, "environment": environment,
                      "needed": sorted({os.path.relpath(a, build) for a in needed})})
    return sorted(tests, key=lambda t: (FOLDERS.index(t["folder"]), t["name"]))


def limits():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (6 << 30, 6 << 30))


def run_test(test, seconds, environment=None):
    """(status, seconds taken); a status of 124 means no end in time. In a PID namespace of its own: nothing is left."""
    command = list(test["command"])
    if command[1] == "--timeout":
        command[2] = str(int(seconds) + 5)
    begin = time.monotonic()
    process = subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", *command], cwd="/tmp",
                               env={**os.environ, **test["environment"], **(environment or {})}, stdin=subprocess.DEVNULL,
                               stdout=open("/tmp/output", "wb"), stderr=subprocess.STDOUT, start_new_session=True,
                               preexec_fn=limits)
    try:
        status = process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        status = 124
    return status, time.monotonic() - begin


def clean():
    """Tests that were killed leave rings and files."""
    for directory in ("/dev/shm", "/tmp"):
        for entry in os.scandir(directory):
            if entry.name != "objects":
                quiet(["rm", "-rf", entry.path])


# --- requests --------------------------------------------------------------------------------------------------------


def prepare(_):
    """Builds; a launcher that remembers objects helps where a file goes back to what it was."""
    flags = ["-DCMAKE_BUILD_TYPE=RelWithDebInfo", "-DCMAKE_C_FLAGS_RELWITHDEBINFO=-O1 -DNDEBUG"]
    if quiet(["sh", "-c", "command -v ccache"]).returncode == 0:
        flags.append("-DCMAKE_C_COMPILER_LAUNCHER=ccache")
    configure(BUILD, flags)
    return {"tests": list_tests(BUILD)}


def baseline(request):
    """How long each test takes on what is not mutated, and whether it passes; no longer than it may take to be of use."""
    test, most = request["test"], request["most"]
    status, seconds = run_test(test, most)
    if status not in (0, 77, 124):
        clean()
        status, seconds = run_test(test, most)
    clean()
    return {"status": status, "seconds": seconds}


def probe(path):
    """What is compiled to see whether a mutant differs: the file, or for a header one that keeps all its functions."""
    if not path.endswith(".h"):
        return [*COMPILE, "-c", path]
    os.makedirs("/tmp/objects", exist_ok=True)
    with open("/tmp/objects/probe.c", "w") as file:
        file.write("#include <myelon/myelon.h>\n")
    return [*COMPILE, "-fkeep-inline-functions", "-fkeep-static-functions", "-c", "/tmp/objects/probe.c"]


def compiled(path, *flags):
    """The digest of the object, or None if it does not compile."""
    os.makedirs("/tmp/objects", exist_ok=True)
    if quiet([*probe(path), *flags, "-o", "/tmp/objects/o"], cwd=TREE).returncode != 0:
        return None
    with open("/tmp/objects/o", "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


originals = {}


def original(path, text, *flags):
    key = (path, text, flags)
    if key not in originals:
        originals[key] = compiled(path, *flags)
    return originals[key]


def write(path, text):
    with open(os.path.join(TREE, path), "w") as file:
        file.write(text)


def check(request):
    """Does it compile, to other code? In the product, and in what the simulator runs, which sees memory orders."""
    path, text = request["file"], request["original"]
    same = []
    for flags in ((), ("-DMYL_SIM=1",)):
        write(path, text)
        before = original(path, text, *flags)
        write(path, request["text"])
        after = compiled(path, *flags)
        if after is None and flags == ():
            outcome = "invalid"
            break
        same.append(before == after)
        if not same[-1]:
            outcome = "counted"
            break
    else:
        outcome = "same code"
    write(path, text)
    return {"outcome": outcome}


def failed(test, seconds):
    """How the test caught the mutant, or None."""
    status, _ = run_test(test, seconds)
    if status not in (0, 77, 124) and test["folder"] in REPEATED:
        clean()
        status, _ = run_test(test, seconds)
    clean()
    if status in (0, 77):
        return None
    return "time-out" if status == 124 else "failure"


def judge(request):
    """Runs the tests in order until one fails. They are built one by one, each as late as it is needed."""
    result = {"outcome": "survived", "by": "", "ran": 0}
    write(request["file"], request["text"])
    for test in request["tests"]:
        error = built(BUILD, *test["needed"])
        if error:
            result = {"outcome": "invalid", "by": test["name"], "ran": result["ran"], "error": error}
            break
        how = failed(test, request["seconds"][test["name"]])
        result["ran"] += 1
        if how:
            result.update(outcome="caught", by=test["name"], how=how)
            break
    write(request["file"], request["original"])
    return result


def coverage_build(_):
    configure(COVERAGE, ["-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_C_FLAGS=--coverage -O1 -fprofile-update=atomic -DMYL_TEST_COVERAGE"])
    return {"tests": [t for t in list_tests(COVERAGE) if t["folder"] != "sim"]}


def coverage(request):
    """What the test ran: for each file its lines and functions."""
    into = "/tmp/gcov"
    status, _ = run_test(request["test"], 300, {"GCOV_PREFIX": into})
    data = glob.glob(into + "/**/*.gcda", recursive=True)
    found = {}
    for counts in data:
        notes = counts[len(into):-5] + ".gcno"
        os.symlink(notes, counts[:-5] + ".gcno")
    shown = quiet(["gcov", "--json-format", "--stdout", *data], cwd="/tmp") if data else None
    for line in shown.stdout.splitlines() if shown else []:
        if not line.startswith(b"{"):
            continue
        for file in json.loads(line)["files"]:
            path = os.path.relpath(os.path.join(TREE, file["file"]), TREE)
            if not path.startswith(("src/", "include/")):
                continue
            entry = found.setdefault(path, {"lines": set(), "functions": set()})
            entry["lines"].update(l["line_number"] for l in file["lines"] if l["count"])
            entry["functions"].update(f["name"] for f in file["functions"] if f["execution_count"])
    clean()
    return {"status": status, "files": {p: {k: sorted(v) for k, v in e.items()} for p, e in found.items()}}


REQUESTS = {"prepare": prepare, "baseline": baseline, "check": check, "judge": judge, "coverage_build": coverage_build,
            "coverage": coverage}


def main():
    os.environ.update(CCACHE_DIR=ROOT + "/ccache", LC_ALL="C.UTF-8", HOME="/tmp", TMPDIR="/tmp")
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = REQUESTS[request["do"]](request)
        except (OSError, RuntimeError, ValueError, KeyError) as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


main()
