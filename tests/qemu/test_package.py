# SPDX-License-Identifier: Apache-2.0
"""The Debian package: its content, and Debian's own judgement of it."""

import subprocess

import pytest

from machine import BUILD, ROOT

KERNEL = next((BUILD / "debian/kernel/lib/modules").iterdir()).name
# 20_linux_xen of Debian's GRUB looks for /boot/xen*, and xl for the tools of the 4.17 that it then finds.
FILES = sorted(f"""/boot/xen-4.17-torpor /etc/default/torpor /usr/bin/torpor /usr/sbin/torpor-save-helper
           /lib/systemd/system-sleep/torpor /lib/systemd/system-generators/torpor /usr/lib/torpor/hibernate
           /usr/lib/systemd/system/libvirtd.service.d/torpor.conf
           /usr/share/bash-completion/completions/torpor /usr/share/doc/torpor/changelog.gz
           /usr/share/doc/torpor/copyright /usr/share/man/man1/torpor.1.gz /usr/share/man/man7/torpor.7.gz
           /usr/share/man/man8/torpor-save-helper.8.gz /usr/lib/torpor/keeper-{KERNEL}.gz""".split())


def told(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def deb(name):
    """As `make deb` has made it."""
    (path,) = (BUILD / "deb").glob(f"{name}_*_arm64.deb")
    return path


def field(name, package="torpor"):
    return told("dpkg-deb", "--field", deb(package), name).strip()


def test_the_package_has_all_that_belongs_to_torpor():
    lines = [line.split() for line in told("dpkg-deb", "--contents", deb("torpor")).splitlines()]
    assert sorted(line[5][1:] for line in lines if line[0][0] == "-") == FILES
    assert {line[1] for line in lines} == {"root/root"}


def test_debug_symbols_are_beside_it():
    content = told("dpkg-deb", "--contents", deb("torpor-dbgsym"))
    ids = field("Build-Ids", "torpor-dbgsym").split()
    assert len(ids) == 3 and all(f"{one[:2]}/{one[2:]}.debug" in content for one in ids)


@pytest.mark.parametrize("extra,uuid,units", [
    (".7-torpor", "00000000-0000-0000-0000-000000000000", ["systemd-hibernate.service.d", "systemd-logind.service.d"]),
    (".7-torpor", "6f0d43c4-2b9f-4c1c-9d47-2a1b5d9a7f10", []), (".3", "00000000-0000-0000-0000-000000000000", []),
    (None, None, [])], ids=["dom0", "guest", "xen", "linux"])
def test_systemctl_hibernate_is_ours_in_dom0_alone(extra, uuid, units, tmp_path):
    about, out = tmp_path / "hypervisor", tmp_path / "out"
    (about / "version").mkdir(parents=True)
    out.mkdir()
    if extra:
        (about / "version/extra").write_text(extra + "\n")
        (about / "uuid").write_text(uuid + "\n")
    subprocess.run([ROOT / "package/system-generator", out, out, out], check=True, env={"TORPOR_SYS": str(tmp_path)})
    assert sorted(path.name for path in out.iterdir()) == units


def test_stock_xen_may_stay_installed():
    assert "xen-hypervisor-4.17" in field("Provides").split(", ")
    assert not field("Conflicts") + field("Breaks") + field("Replaces")


def test_the_command_line_has_a_page(tmp_path):
    told("dpkg-deb", "--extract", deb("torpor"), tmp_path)
    page = told("gzip", "-dc", tmp_path / "usr/share/man/man7/torpor.7.gz")
    for option in ("dom0_mem=SIZE", "crashkernel=SIZE", "placeholder"):
        assert f".It \\fB{option}" in page


def test_lintian_finds_nothing():
    done = subprocess.run(["lintian", "--allow-root", "--fail-on=error,warning", deb("torpor"), deb("torpor-dbgsym")],
                          capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
