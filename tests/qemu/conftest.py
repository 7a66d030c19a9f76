# SPDX-License-Identifier: Apache-2.0
"""Fixtures. A boot costs seconds, so the tests of a file share one machine: `host`, made from the file's BOARD."""

import os
from contextlib import contextmanager

import pytest

from machine import Board, Guest, Machine, is_stock_xen

SOAK = bool(os.environ.get("SOAK"))
# A file's tests stay together. The longest come first, so that no processor is left alone with one at the end.
LONGEST = ["test_save", "test_dormouse", "test_sleep", "test_boards", "test_checkpoint", "test_many", "test_migrate",
           "test_run", "test_scheduler", "test_abi_guests", "test_guest_features", "test_bad_input", "test_devices",
           "test_lifecycle"]


def pytest_configure(config):
    config.addinivalue_line("markers", "torpor_only(reason): what Debian's stock Xen 4.17 does not do")


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))
    for item in items:
        mark = item.get_closest_marker("torpor_only")
        if mark and is_stock_xen():
            item.add_marker(pytest.mark.skip(reason=mark.args[0]))


@contextmanager
def life_of(machine):
    """Boots it. At the end nothing of its guests may be left, and dom0 has to switch off cleanly."""
    with machine:
        machine.boot()
        yield machine
        if not machine.broken:
            machine.destroy_all()
            machine.poweroff()
        machine.check_console()


@pytest.fixture(scope="module")
def host(request):
    """The file's machine."""
    name = request.module.__name__.removeprefix("test_")
    with life_of(Machine(name, getattr(request.module, "BOARD", Board()))) as machine:
        yield machine


@pytest.fixture
def guest(host):
    """Makes guests of the file's machine and destroys the rest of them after the test."""
    made = []

    def make(name, **options):
        made.append(Guest(host, name, **options))
        return made[-1]

    yield make
    if not host.broken:
        names = "|".join(one.name for one in made)
        host.run(f"""
            for name in $(xl list | awk 'NR > 2 && $1 ~ /^({names})$/ {{ print $1 }}'); do
                xl destroy "$name" || true
            done""")


@pytest.fixture(scope="module")
def standing(host):
    """Makes guests that stay for all tests of the file. They go on as they were: a test ends in them what it began."""
    made = {}

    def get(name, **options):
        if name not in made:
            made[name] = Guest(host, name, **options).create()
        return made[name]

    return get


@pytest.fixture(scope="session")
def counts():
    """How often to repeat operations that wear things out. A dom0 without userland (tests/dom0) repeats the same much
    more often."""
    return {"cycles": 25 if SOAK else 1, "storm": 2048 if SOAK else 128, "storm sleeps": 128 if SOAK else 8,
            "sleeps": 100 if SOAK else 4, "races": 20 if SOAK else 3, "rounds": 4 if SOAK else 1,
            "alarms": 100 if SOAK else 5,
            "lives": 50 if SOAK else 2, "restores": 50 if SOAK else 1, "vcpus": 8 if SOAK else 4,
            "checkpoints": 20 if SOAK else 1,
            "migrations": 200 if SOAK else 2,
            "whole": 16 if SOAK else 2, "records": 1000 if SOAK else 50}
