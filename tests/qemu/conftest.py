# SPDX-License-Identifier: Apache-2.0
"""Fixtures. A boot costs seconds, so the tests of a file share one machine: `host`, made from the file's BOARD."""

import os

import pytest

from machine import Board, Guest, Machine, is_stock_xen

SOAK = bool(os.environ.get("SOAK"))


def pytest_configure(config):
    config.addinivalue_line("markers", "torpor_only(reason): what Debian's stock Xen 4.17 does not do")


def pytest_collection_modifyitems(items):
    # the longest file first: nobody is left alone with it at the end
    items.sort(key=lambda item: "test_sleep.py" not in item.nodeid)
    for item in items:
        mark = item.get_closest_marker("torpor_only")
        if mark and is_stock_xen():
            item.add_marker(pytest.mark.skip(reason=mark.args[0]))


@pytest.fixture(scope="module")
def host(request):
    """The file's machine, booted. At the end nothing of its guests may be left, and dom0 has to switch off cleanly."""
    name = request.module.__name__.removeprefix("test_")
    with Machine(name, getattr(request.module, "BOARD", Board())) as machine:
        machine.boot()
        yield machine
        if not machine.broken:
            machine.destroy_all()
            machine.poweroff()
        machine.check_console()


@pytest.fixture
def guest(host):
    """Makes guests of the file's machine and destroys what is left of them after the test."""
    made = []

    def make(name, **options):
        made.append(Guest(host, name, **options))
        return made[-1]

    yield make
    if not host.broken:
        names = "|".join(one.name for one in made)
        host.run(f"""for name in $(xl list | awk 'NR > 2 && $1 ~ /^({names})$/ {{ print $1 }}'); do xl destroy "$name" || true; done""")


@pytest.fixture(scope="session")
def counts():
    """How often to repeat what wears things out."""
    return {"cycles": 500 if SOAK else 50, "sleeps": 500 if SOAK else 50, "rounds": 20 if SOAK else 1,
            "alarms": 600 if SOAK else 8}
