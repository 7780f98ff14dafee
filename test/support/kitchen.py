"""
A node that Test Kitchen made and converged: all is where kitchen-salt has put it.
"""

import os
from pathlib import Path

from lab.reached import Reached

from support.formula import FormulaNode

# Where kitchen-salt puts everything.
CONFIG_DIR = "/tmp/kitchen/etc/salt"


def in_kitchen():
    """
    Tell whether Test Kitchen runs these tests.
    """
    return "KITCHEN_INSTANCE" in os.environ


def reached():
    """
    Return the machine of the instance that kitchen verifies, by what it says of it in the environment.
    """
    return Reached(
        os.environ["KITCHEN_INSTANCE"],
        os.environ["KITCHEN_HOSTNAME"],
        int(os.environ["KITCHEN_PORT"]),
        Path(os.environ["KITCHEN_SSH_KEY"]),
    )


class KitchenNode(FormulaNode):
    """
    The formula as kitchen-salt has put it there.
    """

    def _salt_call(self, arguments, within=()):
        command = ["salt-call", f"--config-dir={CONFIG_DIR}", "--out=json", "--retcode-passthrough"]
        return self.run([*within, *command, "--log-level=error", *arguments], check=False)
