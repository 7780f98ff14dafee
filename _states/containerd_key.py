"""The key of a package repository is the one that the site has pinned."""

from salt.exceptions import CommandExecutionError


def managed(name, source, fingerprints):
    """
    Have a file that holds pinned keys, and no other.

    A key from the network is fetched only where the file does not hold it, or an expired one.

    name
        The file. Its mode is 0644: apt reads it as another user.

    source
        Where the key is: an ``http(s)://``, ``salt://`` or ``file://`` address, or its armored text.

    fingerprints
        A list of fingerprints, in any spelling.

    SLS Example:

    .. code-block:: yaml

        containerd repository key is installed:
          containerd_key.managed:
            - name: /etc/apt/keyrings/docker.asc
            - source: salt://files/docker.asc
            - fingerprints: ['9DC8 5822 9FC7 DD38 854A E2D8 8D81 803C 0EBF CD88']

    :return: a state return; that of ``file.managed``.
    """
    text = None
    try:
        if source.startswith(("http://", "https://")):
            text = _good_text(name, fingerprints)
        if text is None:
            text = __salt__["containerd_key.fetch"](source, fingerprints)
    except CommandExecutionError as err:
        return {"name": name, "result": False, "changes": {}, "comment": str(err)}
    return __states__["file.managed"](name=name, contents=text, mode="0644", makedirs=True)


def _good_text(path, fingerprints):
    """Return the text of a file that holds good keys, None where it does not."""
    try:
        __salt__["containerd_key.check"](__salt__["containerd_key.fingerprints"](path), fingerprints, path)
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (CommandExecutionError, OSError, UnicodeDecodeError):
        return None
