"""The smallest program that a container can run: a static binary that ends at once, made by hand.

It needs no file of the node, and no node needs to have busybox.
"""

import struct

# The program ends with it, and nothing that fails on the way does.
STATUS = 42

# The kernel's name of a machine to: its number in ELF, the byte order, flags of the ABI, and the code that
# calls exit(STATUS).
_MACHINES = {
    # mov edi, 42; mov eax, 60; syscall
    "x86_64": (62, "<", 0, "bf2a000000 b83c000000 0f05"),
    # mov x0, 42; mov x8, 93; svc 0
    "aarch64": (183, "<", 0, "400580d2 a80b80d2 010000d4"),
    # li r0, 1; li r3, 42; sc
    "ppc64le": (21, "<", 2, "01000038 2a006038 02000044"),
    # li a0, 42; li a7, 93; ecall
    "riscv64": (243, "<", 0, "1305a002 9308d005 73000000"),
    # lghi %r2, 42; svc 1
    "s390x": (22, ">", 0, "a729002a 0a01"),
}
_BASE = 0x400000
_HEADER, _SEGMENT = 64, 56
# The largest page of these machines.
_PAGE = 0x10000
_LOAD, _STACK = 1, 0x6474E551
_READ, _WRITE, _EXECUTE = 4, 2, 1


def machines():
    """Return the machines, by the kernel's names, for which there is a program."""
    return sorted(_MACHINES)


def program(machine):
    """Return the bytes of the program for a machine, such as ``x86_64``; None if there is none for it."""
    if machine not in _MACHINES:
        return None
    number, order, flags, code = _MACHINES[machine]
    code = bytes.fromhex(code)
    start = _HEADER + 2 * _SEGMENT
    size = start + len(code)
    ident = b"\x7fELF" + bytes((2, 1 if order == "<" else 2, 1)) + bytes(9)
    header = struct.pack(
        f"{order}HHIQQQIHHHHHH",
        *(2, number, 1, _BASE + start, _HEADER, 0, flags, _HEADER, _SEGMENT, 2, 0, 0, 0),
    )
    load = struct.pack(f"{order}IIQQQQQQ", _LOAD, _READ | _EXECUTE, 0, _BASE, _BASE, size, size, _PAGE)
    # Without it some kernels give a stack that can be executed, which SELinux forbids.
    stack = struct.pack(f"{order}IIQQQQQQ", _STACK, _READ | _WRITE, 0, 0, 0, 0, 0, 16)
    return ident + header + load + stack + code
