"""The rounds of tests/bench/fleet.sh."""

import os
import statistics
import subprocess
import sys
import time

release, work, reps, document = sys.argv[1:]
SEATS = 16
callsheet = f"{release}/callsheet"
fleet = f"{work}/home/fleet"
for directory in ("bin", "user", "home/fleet/profiles", "home/fleet/roles", "home/fleet/personas"):
    os.makedirs(f"{work}/{directory}")
os.symlink(f"{release}/stand-in", f"{work}/bin/claude")
environment = {
    "PATH": f"{work}/bin:{os.environ['PATH']}",
    "HOME": f"{work}/user",
    "TMUX_TMPDIR": work,
    "CALLSHEET_HOME": f"{work}/home",
    "CALLSHEET_STATE_HOME": f"{work}/state",
    "CALLSHEET_BIN": callsheet,
    "IS_SANDBOX": "1",
}


def write(path, text):
    with open(f"{fleet}/{path}", "w", encoding="utf-8") as file:
        file.write(text)


write(
    "profiles/many.yaml",
    "id: many\ntitle: Many\ndescription: Many\nlead: code\nfloor: [code]\n"
    f"roster:\n  - class: code\n    multiplicity: {SEATS}\n",
)
write("roles/code.md", "You write.\n")
write("personas/code.json", '{"env": {"STAND_IN_SCRIPT": "HANG"}}\n')


def timed(*argv, code=0):
    began = time.perf_counter()
    ended = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    took = (time.perf_counter() - began) * 1000
    if ended.returncode != code:
        sys.exit(f"{' '.join(argv)}: {ended.returncode}\n{ended.stdout}{ended.stderr}")
    return took


def fleet_call(*words):
    return timed(callsheet, "--quiet", "fleet", *words)


def limit():
    """16 sessions by one call of tmux: nothing can start seats in it faster."""
    words = ["tmux", "-L", "limit", "-f", "/dev/null"]
    for number in range(SEATS):
        words += ["new-session", "-d", "-s", f"s{number}", "sleep", "100", ";"]
    took = timed(*words[:-1])
    look = timed("tmux", "-L", "limit", "list-panes", "-a", "-F", "#{pane_pid}")
    timed("tmux", "-L", "limit", "kill-server")
    # A server that is about to end refuses the next one.
    while subprocess.run(["pgrep", "-f", "^tmux -L limit"], stdout=subprocess.DEVNULL, check=False).returncode == 0:
        time.sleep(0.02)
    return took, look


def middle(times):
    return f"{statistics.median(times):.1f} ({min(times):.1f}–{max(times):.1f})"


rows = ["| 16 seats, ms | tmux | process |", "| --- | --- | --- |"]
columns = {}
bare = [limit() for _ in range(int(reps))]
for transport in ("tmux", "process"):
    found = {name: [] for name in ("up", "up --wait", "up again", "status", "down")}
    for _ in range(int(reps)):
        found["up"].append(
            fleet_call("up", "--profile", "many", "--transport", transport)
        )
        found["up again"].append(fleet_call("up", "--transport", transport))
        fleet_call("up", "--transport", transport, "--wait")
        found["status"] += [fleet_call("status") for _ in range(20)]
        found["down"].append(fleet_call("down", "--transport", transport))
        found["up --wait"].append(fleet_call("up", "--transport", transport, "--wait"))
        fleet_call("down", "--transport", transport)
    columns[transport] = found
for name in columns["tmux"]:
    cells = [middle(columns[transport][name]) for transport in ("tmux", "process")]
    rows.append(f"| `fleet {name}` | {cells[0]} | {cells[1]} |")
rows.append(f"| 16 sessions of `sleep` by one call of tmux | {middle([one for one, _ in bare])} | |")
rows.append(f"| one `tmux list-panes` | {middle([look for _, look in bare])} | |")
ratio = statistics.median(columns["tmux"]["up"]) / statistics.median([one for one, _ in bare])
rows.append(f"| `up` against those bare sessions | {ratio:.1f}× | |")
table = "\n".join(rows)
print(table)
if document:
    with open(document, encoding="utf-8") as file:
        text = file.read()
    head, rest = text.split("<!-- measured fleet -->\n", 1)
    _, tail = rest.split("<!-- end fleet -->", 1)
    with open(document, "w", encoding="utf-8") as file:
        file.write(f"{head}<!-- measured fleet -->\n{table}\n<!-- end fleet -->{tail}")
