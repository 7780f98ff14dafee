"""Completion of commands in bash: a hook for ctr, and what crictl and nerdctl print of themselves."""

import hashlib

from containerd_formula.errors import Refused, quoted
from containerd_formula.names import nearest

HEADER = "# Managed by Salt (containerd-formula): pillar containerd:tools:completion."
TOOLS = ("ctr", "crictl", "nerdctl")
# ctr answers a last word --generate-bash-completion. Not behind a --: there ctr of containerd 2.x would do
# what the line says.
_CTR = """\
_containerd_formula_ctr() {
    local word=${COMP_WORDS[COMP_CWORD]} asked=("${COMP_WORDS[@]:0:COMP_CWORD}") one
    for one in "${asked[@]}"; do
        if [[ $one == -- ]]; then return; fi
    done
    if [[ $word == -?* ]]; then asked+=("$word"); fi
    mapfile -t COMPREPLY < <(compgen -W "$("${asked[@]}" --generate-bash-completion 2>/dev/null)" -- "$word")
}
complete -o default -F _containerd_formula_ctr ctr
"""
_HASH = 12


def wanted(given):
    """Return the tools of pillar ``tools:completion``, each once."""
    if not isinstance(given, (list, tuple, type(None))):
        raise Refused("containerd:tools:completion must be a list.")
    for name in given or ():
        if name not in TOOLS:
            near = nearest(name, TOOLS) if isinstance(name, str) else None
            cure = f"did you mean {near}?" if near else f"known are {', '.join(TOOLS)}."
            raise Refused(f"containerd:tools:completion has {quoted(name)}; {cure}")
    return [name for name in TOOLS if name in (given or ())]


def render(tool, maker="", said=""):
    """Return the text of a tool's completion: ``maker`` is which file of it ``said`` that."""
    body = _CTR if tool == "ctr" else said
    lines = [line.split() for line in body.split("\n")]
    if not any(words[:1] == ["complete"] and words[-1] == tool for words in lines):
        raise Refused(f"{tool} completion bash printed no completion of bash: install {tool} again.")
    return f"{HEADER}\n{_made(tool, maker, body)}\n{body}"


def is_as_meant(text, tool, maker=""):
    """Tell whether a text is what ``render`` returned for that file of the tool."""
    if tool == "ctr":
        return text == render(tool)
    head, made, body = [*text.split("\n", 2), "", ""][:3]
    return (head, made) == (HEADER, _made(tool, maker, body))


def is_ours(text):
    """Tell whether the formula wrote a text."""
    return text.startswith(HEADER.split(":", 1)[0])


def _made(tool, maker, body):
    """Return the line that tells which tool made which body."""
    digest = hashlib.sha256(body.encode("utf-8", "replace")).hexdigest()[:_HASH]
    return f"# {tool} {maker} {digest}"
