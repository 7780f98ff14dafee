"""
The containerd daemon is what it should be.

.. versionadded:: 0.1.0

.. code-block:: yaml

    containerd is ready:
      containerd.ready:
        - timeout: 60
"""

from salt.exceptions import CommandExecutionError

__virtualname__ = "containerd"


def __virtual__():
    return __virtualname__


def ready(name, timeout=60, address="/run/containerd/containerd.sock"):
    """
    Wait until the daemon answers and its CRI plugins are ok.

    name
        Any text.

    timeout : ``60``
        How long to wait, in seconds.

    address : ``/run/containerd/containerd.sock``
        The daemon's socket.

    SLS Example:

    .. code-block:: yaml

        containerd is ready:
          containerd.ready:
            - timeout: 60
            - require:
              - service: containerd

    :return: a state return. It never has changes. Under ``test=True`` a daemon that is not ready gives
        None: a real run starts it first.
    """
    ret = {
        "name": name,
        "result": True,
        "changes": {},
        "comment": "containerd is ready: its CRI plugins are ok.",
    }
    try:
        answer = __salt__["containerd.ready"](timeout=0 if __opts__["test"] else timeout, address=address)
        reason = answer["reason"]
    except CommandExecutionError as err:
        reason = str(err)
    if not reason:
        return ret
    if __opts__["test"]:
        comment = f"containerd is not ready now ({reason}); up to {timeout} s would be waited for it."
        return {**ret, "result": None, "comment": comment}
    comment = f"containerd is not ready after {timeout} s: {reason} See: journalctl --unit containerd"
    return {**ret, "result": False, "comment": comment}
