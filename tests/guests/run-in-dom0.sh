#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs test guests in dom0, one after the other, and prints what each said on its console:
#
#   run-in-dom0.sh [-e EXTRA] IMAGE...
#
# A guest ends by itself (SCHEDOP_shutdown); one that has not after $LIMIT seconds is destroyed and counts as failed,
# as does one that says `not ok`, crashes, or never says `done:`. EXTRA is added to its boot arguments.
# Exit: the number of guests that failed. The last line is `guests: N passed, M failed`.
LIMIT=${LIMIT:-120}
extra=
[ "$1" = -e ] && { extra=$2; shift 2; }

config() {  # NAME IMAGE: what a guest needs beyond the usual two vCPUs and 32 MiB
    local vcpus=2 more=
    case $1 in
        smp) vcpus=4 ;;
    esac
    cat <<EOF
name = "$1"
kernel = "$2"
memory = 32
vcpus = $vcpus
extra = "$extra"
on_crash = "destroy"
on_reboot = "destroy"
$more
EOF
}

run_one() {  # IMAGE
    local name log alive=1 end
    name=$(basename "$1" .img)
    log=/var/log/xen/console/guest-$name.log
    rm -f "$log"
    config "$name" "$1" >"/tmp/$name.cfg"
    echo "== guest $name"
    xl create -q "/tmp/$name.cfg" || { echo "not ok $name: xl create failed"; return 1; }
    end=$((SECONDS + LIMIT))
    while [ $SECONDS -lt $end ]; do
        xl domid "$name" >/dev/null 2>&1 || { alive=; break; }
        sleep 0.25
    done
    cat "$log" 2>/dev/null
    if [ "$alive" ]; then
        echo "not ok $name: still alive after $LIMIT s"
        xl list "$name"; xl vcpu-list "$name"
        xl destroy "$name"
        return 1
    fi
    grep -q '^done: [0-9]* ok, 0 not ok' "$log"
}

passed=0 failed=0
for image in "$@"; do
    if run_one "$image"; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "== FAILED $(basename "$image" .img)"; fi
done
echo "guests: $passed passed, $failed failed"
exit $failed
