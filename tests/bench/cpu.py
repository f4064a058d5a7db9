"""Measures the CPU time (user and system) of whole processes, in turn.

  cpu.py RUNS NAME COMMAND ARGUMENT… --- NAME COMMAND ARGUMENT… [--- …]
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
    programs, current = [], []
    for word in [*sys.argv[2:], "---"]:
        if word == "---":
            programs.append((current[0], current[1:]))
            current = []
        else:
            current.append(word)
    times = {name: [] for name, _ in programs}
    for _ in range(runs):
        for name, argv in programs:
            times[name].append(cpu(argv))
    print("| process | median CPU ms | least | most |\n| --- | --- | --- | --- |")
    for name, found in times.items():
        middle = statistics.median(found)
        print(f"| {name} | {middle:.1f} | {min(found):.1f} | {max(found):.1f} |")


main()
