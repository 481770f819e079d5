#!/bin/sh
# Chromium in the network namespace NAMESPACE, driven from outside by its pipe.
exec ip netns exec "$NAMESPACE" /usr/bin/chromium "$@"
