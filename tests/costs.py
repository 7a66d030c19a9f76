# SPDX-License-Identifier: Apache-2.0
"""A plugin of pytest: each test's report tells the test's cost, for the table of tests/run."""

import resource

import pytest


def cpu_seconds():
    """The processor time of this process and of those that it has waited for, machines too."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    item.cpu_before = cpu_seconds()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item, call):
    """A machine that tests share counts for the test after which it ended."""
    if call.when == "teardown":
        item.user_properties.append(("cpu", f"{cpu_seconds() - item.cpu_before:.1f}"))
