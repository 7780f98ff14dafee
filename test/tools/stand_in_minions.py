"""
Many minions in one process, for ``bench_fleet.py``: FOLDER PUBLISH_PORT ANSWER_PORT NUMBER.

Each has an id, a key that the master accepts, a connection to its publisher and one for its answers, by
Salt's own channels; a job is read once for all of them. For a run of states each asks the master for its
pillar and for files, as a minion does, and answers at once: nothing runs here, the work is the master's.
"""

import fnmatch
import shutil
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import salt.channel.client
import salt.config
import salt.crypt
import salt.payload
import zmq

# Half of the states of a real run, each with a comment of a real one's length.
STATES = 40
MANAGED, SERVICE = "containerd configuration is managed", "containerd service is running"
COMMENT = "The file /etc/containerd/config.toml is in the correct state, as the installed containerd reads it"
FILES = (
    "containerd/init.sls",
    "containerd/map.jinja",
    "containerd/defaults.yaml",
    "containerd/config/init.sls",
)


class Minion:
    """
    One minion: its channel, and whether it was changed.
    """

    def __init__(self, opts):
        self.id, self._changed = opts["id"], False
        # A minion asked for a job while it is at another has a process for each.
        self._turn = threading.Lock()
        self._channel = salt.channel.client.ReqChannel.factory(opts)
        # The first word signs it in.
        self._send(cmd="_minion_event", tag=f"salt/minion/{self.id}/start", pretag=None, data="it is up")

    def read(self, message):
        """
        Return the job that the master published; all minions have the same key for that.
        """
        return self._channel.auth.crypticle.loads(message["load"])

    def answer(self, job):
        answer = self._told(job["fun"], job["arg"])
        self._send(
            cmd="_return",
            jid=job["jid"],
            fun=job["fun"],
            fun_args=job["arg"],
            success=True,
            retcode=0,
            **{"return": answer},
        )

    def _told(self, function, arguments):
        if function == "state.apply":
            return self._states(any(isinstance(one, dict) and one.get("test") for one in arguments))
        known = {
            "test.ping": True,
            "containerd.ready": {"ready": True, "reason": ""},
            "saltutil.find_job": {},
            "saltutil.running": [],
        }
        return known.get(function, "")

    def _states(self, test):
        grains = {"os": "Debian", "os_family": "Debian", "id": self.id}
        load = {"cmd": "_pillar", "id": self.id, "grains": grains, "saltenv": "base", "ver": "2"}
        with self._turn:
            self._channel.crypted_transfer_decode_dictentry(load, dictkey="pillar")
        self._send(cmd="_file_list", saltenv="base")
        for path in FILES:
            self._send(cmd="_file_hash", path=path, saltenv="base")
        due = {} if self._changed else {"old": "1", "new": "2"}
        self._changed = self._changed or not test
        names = [MANAGED, SERVICE, *(f"containerd step {number}" for number in range(STATES - 2))]
        return {
            f"containerd_|-{name}_|-{name}_|-managed": {
                "__id__": name,
                "__run_num__": number,
                "__sls__": "containerd.config",
                "name": name,
                "comment": COMMENT,
                "changes": due if number < 2 else {},
                "result": None if test and due and number < 2 else True,
                "duration": 12.345,
                "start_time": "12:00:00.000000",
            }
            for number, name in enumerate(names)
        }

    def _send(self, **load):
        with self._turn:
            return self._channel.send({**load, "id": self.id}, timeout=120)


def minions(folder, answers, number):
    """
    Return the minions, of which all have one key: to make one takes long.
    """
    made = []
    for one in range(number):
        own = folder / f"n{one:04d}"
        opts = salt.config.minion_config(None)
        opts.update(
            id=own.name,
            pki_dir=str(own),
            cachedir=str(own),
            master="127.0.0.1",
            master_ip="127.0.0.1",
            master_port=answers,
            master_uri=f"tcp://127.0.0.1:{answers}",
            request_channel_timeout=120,
        )
        own.mkdir(parents=True)
        if one:
            for key in ("minion.pem", "minion.pub"):
                shutil.copy(folder / "n0000" / key, own)
        else:
            salt.crypt.SAuth(opts)
        made.append(Minion(opts))
    return made


def main(folder, publish, answers, number):
    """
    Answer for ever.
    """
    fleet = minions(Path(folder), int(answers), int(number))
    context, poller, links = zmq.Context(), zmq.Poller(), []
    context.set(zmq.MAX_SOCKETS, 4 * int(number) + 100)
    for _ in fleet:
        link = context.socket(zmq.SUB)
        link.setsockopt(zmq.SUBSCRIBE, b"")
        link.connect(f"tcp://127.0.0.1:{publish}")
        poller.register(link, zmq.POLLIN)
        links.append(link)
    with ThreadPoolExecutor(8) as pool:
        while True:
            for link, _ in poller.poll():
                text = link.recv()
                if link is links[0]:
                    _pass_on(fleet[0].read(salt.payload.loads(text)), fleet, pool)


def _pass_on(job, fleet, pool):
    target = job["tgt"]
    for minion in fleet:
        if minion.id in target if isinstance(target, list) else fnmatch.fnmatch(minion.id, target):
            pool.submit(_answered, minion, job)


def _answered(minion, job):
    try:
        minion.answer(job)
    except Exception as err:  # noqa: BLE001
        print(time.strftime("%T"), minion.id, job.get("fun"), repr(err), file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
