#!/bin/sh
# Chromium in the network namespace NAMESPACE, driven from outside by its pipe, as nice to others as NICENESS says.
exec ip netns exec "$NAMESPACE" nice -n "${NICENESS:-0}" /usr/bin/chromium "$@"
