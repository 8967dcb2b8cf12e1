"""Runs a command some times and prints, as JSON, the best wall and CPU seconds, the peak memory and the exit code.

    measure.py TIMES COMMAND…
"""

import json
import os
import subprocess
import sys
import time


def run(command):
    began = time.perf_counter()
    with open(os.devnull, "w") as nowhere:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=nowhere, stderr=nowhere)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - began
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, process.returncode


runs = [run(sys.argv[2:]) for _ in range(int(sys.argv[1]))]
print(
    json.dumps(
        {
            "wall": min(run[0] for run in runs),
            "cpu": min(run[1] for run in runs),
            "memory": max(run[2] for run in runs),
            "exit": runs[-1][3],
        }
    )
)
