#!/bin/sh
# namespace.sh COMMAND...: run it in a network of its own, from which nothing can be reached.
#
# The kernel takes the network away with its last process, and the process namespace takes every
# process away with the command, so nothing is left behind however the command ends.
set -eu

if [ "${1-}" != --inside ]; then
    user=
    [ "$(id -u)" = 0 ] || user="--user --map-root-user"
    # shellcheck disable=SC2086
    exec unshare $user --net --pid --fork --kill-child --mount-proc sh "$0" --inside "$@"
fi
shift

# Linphone takes the network for down, and Chromium has nothing to hide behind an mDNS name, while
# a packet to a public host would leave from 127.0.0.1: they get an address of RFC 5737 and a
# default route that ends at the other end of a cable.
ip link set lo up
ip link add wsphone0 type veth peer name wsphone1
ip link set wsphone0 up
ip link set wsphone1 up
ip address add 192.0.2.1/24 dev wsphone0
ip route add default dev wsphone0

# Not exec: process 1 of the namespace has to reap what the programs leave to it. Not in the
# background either: a shell starts such commands deaf to Ctrl-C, and their children with them.
status=0
"$@" || status=$?
exit $status
