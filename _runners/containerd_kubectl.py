"""
Ask and change Kubernetes by the kubectl of this master. For the formula's runners.

``kubectl`` is a dictionary: ``program``, ``kubeconfig`` and ``context``.
"""

import shutil
import subprocess
import tempfile
import time

from containerd_formula import renew
from salt.exceptions import CommandExecutionError

renew()

from containerd_formula import kube_nodes
from containerd_formula.errors import Refused, brief, told_as

# How long an answer of the API server may take, a number of seconds.
_TIMEOUT = 30
# What a drain's own limit does not cover.
_GRACE = 15
# So many pods that stay are named, and their budgets asked for.
_NAMED = 10


@told_as(CommandExecutionError)
def nodes(kubectl, names=()):
    """
    Return {name: node} of some nodes, or of all.
    """
    # One name or more: nodes that are not there are left out, not an error.
    more = ["--ignore-not-found"] if names else []
    return kube_nodes.nodes(_told(kubectl, ["get", "nodes", *names, *more, "--output=json"]) or "{}")


def cordon(kubectl, node, mark):
    """
    Keep new pods off a node, and mark it as ours.
    """
    # First the mark: a cordon without it would be taken for somebody else's.
    _told(kubectl, ["annotate", "node", node, "--overwrite", f"{kube_nodes.MARK}={mark}"])
    _told(kubectl, ["cordon", node])


def drain(kubectl, node, timeout=300, options=(), stopping=None):
    """
    Move the pods of a node elsewhere, and return how many; ``stopping`` tells whether to give up.
    """
    arguments = ["drain", node, "--ignore-daemonsets", f"--timeout={int(timeout)}s", *options]
    done = _run(kubectl, arguments, timeout + _GRACE, stopping)
    if done.returncode:
        raise CommandExecutionError(_why_held(kubectl, node, done.stdout + done.stderr))
    return kube_nodes.evicted(done.stdout)


def uncordon(kubectl, node, mark):
    """
    Let pods onto a node again if it still has our mark: who takes that away wants the cordon to stay.
    """
    now = nodes(kubectl, [node]).get(node)
    if now is None or now.mark != mark:
        return
    if now.cordoned:
        _told(kubectl, ["uncordon", node])
    _told(kubectl, ["annotate", "node", node, f"{kube_nodes.MARK}-"])


def _why_held(kubectl, node, text):
    """Return why a drain failed: kubectl's last word, the pods that stay and what holds them."""
    lines = [
        line for line in text.strip().splitlines() if line.startswith("error")
    ] or text.strip().splitlines()
    words = [f"its pods stay: {lines[-1] if lines else 'kubectl drain says nothing'}"]
    held, of = kube_nodes.held(text), {}
    for namespace, pod in held[:_NAMED]:
        of.setdefault(_budgets(kubectl, namespace, pod), []).append(f"{namespace}/{pod}")
    for budgets, pods in of.items():
        words.append(f"{'pods' if pods[1:] else 'pod'} {', '.join(pods)} may not be evicted{budgets}")
    if held[_NAMED:]:
        words.append(f"and {len(held) - _NAMED} more pods")
    return brief("; ".join(words))


def _budgets(kubectl, namespace, pod):
    try:
        of = [f"--namespace={namespace}", "--output=json"]
        found = kube_nodes.budgets(
            _told(kubectl, ["get", "pod", pod, *of]), _told(kubectl, ["get", "poddisruptionbudgets", *of])
        )
    # The pod may be gone by now: its name is enough.
    except (CommandExecutionError, Refused):
        found = []
    return f" ({', '.join(found)})" if found else ""


def _told(kubectl, arguments):
    """Return what kubectl prints."""
    done = _run(kubectl, arguments, _TIMEOUT)
    if done.returncode:
        words = done.stderr.strip() or done.stdout.strip() or f"it ended with {done.returncode}"
        raise CommandExecutionError(brief(f"kubectl {arguments[0]}: {words.splitlines()[-1]}"))
    return done.stdout


def _run(kubectl, arguments, timeout, stopping=None):
    """Run kubectl out of the reach of the terminal's Ctrl-C: it is told to end by ``stopping``."""
    program = shutil.which(kubectl["program"])
    if not program:
        raise CommandExecutionError(f"kubectl is not at {kubectl['program']}: install it on the master.")
    own = [f"--{name}={kubectl[name]}" for name in ("kubeconfig", "context") if kubectl.get(name)]
    end = time.monotonic() + timeout
    # Files, not pipes: a pipe that nobody reads fills up.
    with _file() as out, _file() as err:
        process = subprocess.Popen(
            [program, *own, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
        late = False
        try:
            while process.poll() is None and not late and not (stopping and stopping()):
                late = time.monotonic() > end
                time.sleep(0.1)
        finally:
            ended = process.poll() is not None
            if not ended:
                process.kill()
                process.wait()
        said = [_text(file) for file in (out, err)]
    if late and not ended:
        said[1] += f"\nerror: kubectl {arguments[0]} did not end in {timeout} s"
    return subprocess.CompletedProcess(arguments, process.returncode, *said)


def _file():
    return tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")


def _text(file):
    file.seek(0)
    return file.read(1_000_000)
