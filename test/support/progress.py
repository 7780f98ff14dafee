"""
The fixture of all tests on machines: they take minutes, and tell where they are.
"""

import time

import pytest


@pytest.fixture(scope="session")
def progress(request):
    """
    Print a line with the elapsed time, past pytest's capture.
    """
    started = time.monotonic()
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def say(text):
        with capture.global_and_fixture_disabled():
            print(f"\n[{time.monotonic() - started:5.0f} s] {text}", end="", flush=True)

    return say
