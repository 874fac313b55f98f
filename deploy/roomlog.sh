#!/bin/sh
# The `roomlog` command of the image, and its entrypoint: ./roomlog is that of a checkout.
set -eu
# What a sequencer allocates lives until it is read back: a larger young generation is collected less often.
if [ "${1:-}" = sequencer ]; then
  exec node --max-semi-space-size=64 /app/dist/cli/main.js "$@"
fi
exec node /app/dist/cli/main.js "$@"
