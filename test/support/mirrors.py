"""
Registries of each kind that a node can ask, and the pillar for them.
"""

from lab.authority import Authority
from lab.oci import busybox_image
from lab.registry import Registry, Silent, Upstream

APP = "library/app:1"
USER, FIRST, SECOND, WRONG = "puller", "first-hunter2", "second-hunter2", "wrong-hunter2"


class Registries:
    """
    What the node can ask, and the pillar for it.
    """

    def __init__(self, folder):
        self.authority, self.other = Authority(folder), Authority(folder, "other")
        self.mirror = Registry(folder, "mirror.test", self.authority, {USER: FIRST})
        self.second = Registry(folder, "second.test", self.authority)
        self.expired = Registry(folder, "expired.test", self.authority)
        self.upstream = Upstream("open.test", self.authority, others=["closed.test"])
        self.silent = Silent("silent.test")
        # Two names of the upstream: from one a pull may come to it, from the other never.
        self.open, self.closed = (f"{name}:{self.upstream.port}" for name in ("open.test", "closed.test"))
        # One that has no folder of its own, and does not exist.
        self.any = "any.test"
        self.pause = f"{self.any}/pause:1"

    def __enter__(self):
        self.mirror.start()
        self.second.start()
        self.expired.start(self.authority.sign("expired.test", expired=True))
        self.upstream.__enter__()
        app = busybox_image("app")
        for registry in (self.mirror, self.upstream):
            registry.push("library/app", "1", app)
        for name in ("pause", "library/app"):
            self.second.push(name, "1", app)
        self.news()
        return self

    def __exit__(self, *_exception):
        for registry in (self.mirror, self.second, self.expired):
            registry.stop()
        self.upstream.__exit__()
        self.silent.__exit__()

    def names(self):
        return [one.name for one in (self.mirror, self.second, self.expired, self.upstream, self.silent)] + [
            "closed.test"
        ]

    def news(self):
        """
        Return who was asked for a manifest since this was called last: name to the statuses that it gave.
        """
        asked = {}
        for one in (self.mirror, self.second, self.upstream):
            found = [request.status for request in one.news() if "/manifests/" in request.path]
            if found:
                asked[one.name] = sorted(set(found))
        return asked

    def pillar(self, password=FIRST, check="warn", closed=True, **more):
        """
        Return pillar ``registries``. Its authority is said in each of the three ways.
        """
        auth = {"username": USER, "password": password, "basic": True}
        mirrors = [self.mirror.url]
        hosts = {self.open: {"mirrors": mirrors}, "*": {"mirrors": [self.second.url]}}
        if closed:
            hosts[self.closed] = {"mirrors": mirrors, "fallback": False, "probe": APP}
        endpoints = {
            self.mirror.address: {"ca": "salt://pki/ca.pem", "auth": auth},
            self.second.address: {"ca": self.authority.text},
            self.open: {"ca": "/etc/ssl/lab.pem"},
        }
        return {"check": check, "endpoints": endpoints, "hosts": {**hosts, **more}}

    def wrong(self):
        """
        Return registries whose mirrors all have something else that is wrong, and what a person is told.
        """
        ca = self.authority.text
        auth = {"username": USER, "password": FIRST, "basic": True}
        mirror = {"url": self.mirror.url, "ca": ca, "auth": auth}
        rows = {
            "wrong-ca.test": ({**mirror, "ca": self.other.text}, "signed by an unknown authority"),
            "wrong-password.test": (
                {**mirror, "auth": {**auth, "password": WRONG}},
                "401 with these credentials",
            ),
            "good.test": ({"url": self.second.url, "ca": ca}, ""),
            "expired.test": ({"url": self.expired.url, "ca": ca}, "certificate has expired"),
            "silent.test": ({"url": self.silent.url}, "does not answer"),
        }
        return {
            name: ({"mirrors": [one], "fallback": False}, one["url"], words)
            for name, (one, words) in rows.items()
        }
