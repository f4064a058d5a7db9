"""Measures the CPU time (user and system) of whole processes, in turn.

  cpu.py RUNS [--above] NAME COMMAND ARGUMENT… --- NAME COMMAND ARGUMENT… [--- …]

With --above, what a program takes more than the first is shown too, and as a multiple of the
second.
"""
import os
import statistics
import sys


def cpu(argv):
    """Runs a program to its end and returns its CPU time in milliseconds."""
    quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    child = os.posix_spawnp(argv[0], argv, os.environ, file_actions=quiet)
    _, status, usage = os.wait4(child, 0)
    if status != 0:
        sys.exit(f"{argv[0]} failed: {status}")
    return (usage.ru_utime + usage.ru_stime) * 1000


def main():
    runs = int(sys.argv[1])
    words = sys.argv[2:]
    above = words[0] == "--above"
    programs, current = [], []
    for word in [*words[int(above):], "---"]:
        if word == "---":
            programs.append((current[0], current[1:]))
            current = []
        else:
            current.append(word)
    times = {name: [] for name, _ in programs}
    for _ in range(runs):
        for name, argv in programs:
            times[name].append(cpu(argv))
    median = {name: statistics.median(found) for name, found in times.items()}
    first, second = (median[name] for name, _ in programs[:2])
    more = (" above the first | against the second |", " --- | --- |") if above else ("", "")
    print(f"| process | median CPU ms | least | most |{more[0]}\n| --- | --- | --- | --- |{more[1]}")
    for name, found in times.items():
        row = f"| {name} | {median[name]:.1f} | {min(found):.1f} | {max(found):.1f} |"
        if above:
            cost = median[name] - first
            row += f" {cost:.1f} | {cost / (second - first):.1f}× |" if cost else " – | – |"
        print(row)


main()
