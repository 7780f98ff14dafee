"""
Completion of commands in bash: which tools, which texts, and what is noticed.
"""

import pytest
from containerd_formula import completions
from containerd_formula.errors import Refused

CRICTL = "_crictl() { :; }\n    complete -o default -F _crictl crictl\n"


def test_tools_are_named_once_and_in_an_order():
    assert completions.wanted(["nerdctl", "ctr", "ctr"]) == ["ctr", "nerdctl"]
    assert completions.wanted(None) == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["crictrl"], "containerd:tools:completion has 'crictrl'; did you mean crictl?"),
        (["kubectl", {}], "containerd:tools:completion has 'kubectl'; "),
        ([{}], "containerd:tools:completion has a dict; known are ctr, crictl, nerdctl."),
        ("ctr", "containerd:tools:completion must be a list."),
    ],
)
def test_another_tool_is_refused(given, words):
    with pytest.raises(Refused) as refused:
        completions.wanted(given)
    assert words in str(refused.value)


def test_a_text_is_ours_and_as_meant_until_tool_or_text_is_another():
    text = completions.render("crictl", "/usr/bin/crictl 1 2", CRICTL)
    assert text.endswith(CRICTL) and completions.is_ours(text)
    assert completions.is_as_meant(text, "crictl", "/usr/bin/crictl 1 2")
    assert not completions.is_as_meant(text, "crictl", "/usr/bin/crictl 1 3")
    assert not completions.is_as_meant(f"{text}# edited\n", "crictl", "/usr/bin/crictl 1 2")
    hook = completions.render("ctr")
    assert completions.is_as_meant(hook, "ctr") and not completions.is_as_meant(f"{hook}\n", "ctr")
    assert not completions.is_ours(CRICTL)


@pytest.mark.parametrize("said", ["", "Usage: crictl\n", "complete -F _ctr ctr\n", "# complete crictl\n"])
def test_what_completes_nothing_is_refused(said):
    with pytest.raises(Refused, match="crictl completion bash printed no completion of bash"):
        completions.render("crictl", "", said)
