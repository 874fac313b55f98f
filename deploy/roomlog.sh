#!/bin/sh
# The `roomlog` command of the image, and its entrypoint: ./roomlog is that of a checkout.
set -eu
# Why: scripts/stack/node-flags.ts.
case ${1:-} in
  sequencer) flag=--max-semi-space-size=64 ;;
  gateway) flag=--v8-pool-size=1 ;;
  *) flag= ;;
esac
exec node ${flag:+"$flag"} /app/dist/cli/main.js "$@"
