# SPDX-License-Identifier: Apache-2.0
"""Random privileged calls from dom0: errors at worst, and every page comes back. A seed that fails can be given
again."""

import pytest

from machine import BUILD, Board

BOARD = Board(files=[BUILD / "fuzz/toolstack"])


@pytest.mark.torpor_only("stock Xen 4.17 keeps pages of a domain that was treated like this")
@pytest.mark.parametrize("seed", range(1, 4))
def test_random_toolstack_calls_leak_nothing(host, counts, seed):
    result = host.run(f"chmod +x /tmp/job/toolstack; /tmp/job/toolstack {seed} {4 * counts['rounds']}", check=False)
    assert result.status == 0, result.output


def test_the_tools_work_afterwards(host, guest):
    guest("after").create().destroy()
