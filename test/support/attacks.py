"""
What root in a sandbox may try against the machine that it runs on.
"""

REMOUNT = "mount -o remount,bind,rw"
# {0} is the folder; what cannot be seen there says BROKEN by itself.
ATTACKS = {
    "write": "echo gone >{0}/file",
    "remove": "rm -f {0}/file",
    "new file": "touch {0}/new",
    "mode": "chmod 0666 {0}/file",
    "owner": "chown 1000 {0}/file",
    "remount root": f"mount -o remount,rw / ; {REMOUNT} / ; echo gone >{{0}}/file",
    "remount all": (
        f"for m in $(cut -d' ' -f5 /proc/self/mountinfo); do {REMOUNT} $m; done; echo gone >{{0}}/file"
    ),
    "unmount": "umount -l / ; umount -l {0} ; umount -lR /; echo gone >{0}/file",
    "bind elsewhere": f"mkdir /run/x; mount --bind / /run/x; {REMOUNT} /run/x; echo gone >/run/x{{0}}/file",
    "by proc": "for p in /proc/[0-9]*/root; do echo gone >$p{0}/file; done",
    "by cwd": "for p in /proc/[0-9]*/cwd; do echo gone >$p/file; done",
    "of the first process": "nsenter -t 1 -m -u -i -n -p sh -c 'echo gone >{0}/file'",
    "of all processes": "for p in $(ls /proc); do nsenter -a -t $p sh -c 'echo gone >{0}/file'; done",
    "a new namespace": f"unshare -Urm sh -c '{REMOUNT} / ; echo gone >{{0}}/file'",
    "pivot": "mkdir -p /run/p; mount --bind / /run/p; cd /run/p; pivot_root . run; echo gone >/run{0}/file",
    "the user namespace outside": "nsenter --user -t 1 mount -o remount,rw / ; echo gone >{0}/file",
    "a device": "mknod /run/disk b $(awk 'NR == 3 {{print $1, $2}}' /proc/partitions) && echo BROKEN",
    "a setting of the kernel": (
        f"{REMOUNT} /proc/sys; read -r v </proc/sys/kernel/panic; echo $v >/proc/sys/kernel/panic && "
        "echo BROKEN"
    ),
    "a new file system of processes": (
        "unshare --pid --fork --mount-proc sh -c 'echo 1 >/proc/sys/kernel/sysrq' && echo BROKEN"
    ),
    "a new sysfs": "unshare --net mount -t sysfs x /run && echo BROKEN",
    "a new file system of cgroups": "unshare --cgroup mount -t cgroup2 x /run && echo BROKEN",
    "a file system of cgroups": "mount -t cgroup2 x /run && echo BROKEN",
    "the sysrq key": "echo h >/proc/sysrq-trigger && echo BROKEN",
    "interrupts": "for f in /proc/irq/*/smp_affinity; do cat $f >$f && echo BROKEN; done",
    "a cgroup": f"cd /sys/fs/cgroup; {REMOUNT} . ; mkdir attack && rmdir attack && echo BROKEN",
    "another process": "kill -0 $(cat {0}/victim) && echo BROKEN",
    "the kernel's log": "head -c 1 /dev/kmsg && echo BROKEN",
}
# On the machine: its words are run while a file system is mounted there, whose entries are told at last.
MOUNTING = """
mkdir -p {0}/later; (sleep 0.5; mount -t tmpfs later {0}/later) &
"$@"; wait; ls -A {0}/later; umount {0}/later; rmdir {0}/later
"""
# In the sandbox: it writes there as long as that takes.
WRITING = "for n in 1 2 3 4 5 6 7 8 9 10; do touch {0}/later/new; sleep 0.2; done"
