"""The RuntimeClass objects by which pods name a node's runtimes."""

from containerd_formula.names import is_label

_CLASS = """\
apiVersion: node.k8s.io/v1
kind: RuntimeClass
metadata:
  name: "{name}"
handler: "{name}"
"""


def as_yaml(names, default):
    """Return the YAML of a RuntimeClass for each runtime but the default, which pods have without one."""
    others = [name for name in names if name != default]
    classes = [_CLASS.format(name=name) for name in others if is_label(name)]
    # In ASCII, for nobody knows what is in a name.
    left_out = [
        f"# No RuntimeClass can name the runtime {ascii(name)[:100]}: use small letters, digits and dashes.\n"
        for name in others
        if not is_label(name)
    ]
    if not others:
        left_out = ["# There is no runtime but the default one, which pods have without a RuntimeClass.\n"]
    return "".join(left_out) + "---\n".join(classes)
