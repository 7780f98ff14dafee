"""
Runs a command, and prints as JSON how long it took, its CPU time, and the most memory that one of its
processes had.
"""

import json
import resource
import subprocess
import sys
import time

started = time.perf_counter()
done = subprocess.run(sys.argv[1:], capture_output=True, text=True, check=False)
seconds = time.perf_counter() - started
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
measured = {
    "seconds": round(seconds, 3),
    "cpu": round(usage.ru_utime + usage.ru_stime, 3),
    "memory": usage.ru_maxrss >> 10,
}
print(json.dumps({**measured, "status": done.returncode, "output": done.stdout, "errors": done.stderr}))
