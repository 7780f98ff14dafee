"""
The fleet in orchestrations: states of the master, not of nodes.
"""

# What a node that was changed says, and one that would be.
_CHANGED = ("changed", "would change", "is to be")


def rolled(name, roll):
    """
    Ensure that the nodes of a fleet are as the formula has them, wave by wave.

    For ``salt-run state.orchestrate``, with the formula's states and runners on the master (``salt-run
    saltutil.sync_all``). Unlike Salt's ``salt.runner`` it tells the plan under ``test=True``.

    name
        A sentence for the report.

    roll
        The arguments of the runner ``containerd.roll``, a dictionary; it needs ``tgt``.

    .. code-block:: yaml

        containerd is rolled over the fleet:
          containerd_fleet.rolled:
            - roll:
                tgt: node*
                batch: 10%
                drain: true

    :return: a state return; ``changes`` are the nodes that were changed, or would be. It is false if the roll
        stopped, or a node is not as it should be.
    """
    ret = {"name": name, "result": False, "changes": {}, "comment": ""}
    if not isinstance(roll, dict) or not roll.get("tgt"):
        ret["comment"] = (
            "roll names no nodes: write tgt, such as {tgt: 'node*'}, into pillar containerd_roll."
        )
        return ret
    test = bool(__opts__["test"] or roll.get("test"))
    answer = __salt__["saltutil.runner"]("containerd.roll", kwarg={**roll, "test": test})
    if not isinstance(answer, dict) or "retcode" not in answer:
        ret["comment"] = f"the runner containerd.roll ended: {str(answer)[:1000]}"
        return ret
    told = answer.get("nodes") or {}
    ret["comment"] = str(answer.get("comment"))
    ret["changes"] = {node: words for node, words in told.items() if words.startswith(_CHANGED)}
    ret["result"] = False if answer["retcode"] else None if test and ret["changes"] else True
    return ret
