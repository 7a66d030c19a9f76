#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs test guests in dom0, one after the other, and prints the console of each:
#
#   run-in-dom0.sh [-e EXTRA] IMAGE...
#
# A guest ends by itself (SCHEDOP_shutdown); one that has not after $LIMIT seconds is destroyed and counts as failed,
# as does one that says `not ok`, crashes, or never says `done:`. EXTRA is added to its boot arguments.
# Exit: the number of guests that failed. The last line is `guests: N passed, M failed`.
LIMIT=${LIMIT:-120}
extra=
[ "$1" = -e ] && { extra=$2; shift 2; }

config() {  # NAME IMAGE EXTRA: a guest's needs beyond the usual two vCPUs and 32 MiB
    local vcpus=2 more=
    case $1 in
        psci|fuzz) vcpus=4 ;;
        fpu*) vcpus=3 more='cpus = "0"' ;;
        fifo) more='max_event_channels = 2047' ;;
    esac
    cat <<EOF
name = "$1"
kernel = "$2"
memory = 32
vcpus = $vcpus
extra = "$3"
on_crash = "destroy"
on_reboot = "destroy"
$more
EOF
}

start() {  # NAME IMAGE EXTRA
    rm -f "/var/log/xen/console/guest-$1.log"
    config "$@" >"/tmp/$1.cfg"
    xl create -q "/tmp/$1.cfg"
}

finish() {  # NAME: waits for the domain's end, prints its log, tells whether it passed
    local log=/var/log/xen/console/guest-$1.log end=$((SECONDS + LIMIT))
    # xl takes a good part of a CPU, which the guest could use: it is asked once the guest has said that it is done, or
    # may have died
    exec 3< <(exec tail --pid=$$ -n +1 -F "$log" 2>/dev/null | grep --line-buffered -m 1 '^done:')
    read -r -t 5 <&3
    while xl domid "$1" >/dev/null 2>&1; do
        if [ $SECONDS -ge $end ]; then
            cat "$log"
            echo "not ok $1: still alive after $LIMIT s"
            xl list "$1"; xl vcpu-list "$1"
            xl destroy "$1"
            return 1
        fi
        sleep 0.25
    done
    cat "$log" 2>/dev/null
    grep -q '^done: [0-9]* ok, 0 not ok' "$log"
}

run_pair() {  # NAME IMAGE FIRST SECOND: two at once that meet, and are neighbours in number: they rely on it
    local bad=0
    start "$1-$3" "$2" "$extra peer" && start "$1-$4" "$2" "$extra peer second" || return 1
    finish "$1-$3" || bad=1
    finish "$1-$4" || bad=1
    return $bad
}

run_one() {  # NAME IMAGE: some guests need a second domain beside them
    local bad=0
    echo "== guest $1"
    case $1 in
        fpu)
            start "$1" "$2" "$extra" && start "$1-b" "$2" "$extra" || return 1
            finish "$1" || bad=1
            finish "$1-b" || bad=1 ;;
        grants)
            start "$1" "$2" "$extra" && finish "$1" || bad=1
            run_pair "$1" "$2" giver taker || bad=1 ;;
        suspend)
            start "$1" "$2" "$extra" && finish "$1" || bad=1
            run_pair "$1" "$2" sleeper waker || bad=1 ;;
        *)
            start "$1" "$2" "$extra" && finish "$1" || bad=1 ;;
    esac
    return $bad
}

passed=0 failed=0
for image in "$@"; do
    name=$(basename "$image" .img)
    if run_one "$name" "$image"; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "== FAILED $name"; fi
done
echo "guests: $passed passed, $failed failed"
exit $failed
