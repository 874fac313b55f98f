# Sourced by the commands in scripts/ and .ci/: leaves ROOT and NODE set, node_modules as package-lock.json says.
# Everything after that is TypeScript. Without network it works once all is cached.
set -eu
ROOT=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
NODE=$ROOT/node_modules/.bin/node
. "$ROOT/scripts/lib/packages.sh"

for argument in "$@"; do
  if [ "$argument" = --yes ]; then
    ROOMLOG_YES=1
    export ROOMLOG_YES
  fi
done

# Any Node can tell whether the pinned one is in place; the pinned one itself will do.
any_node=$(command -v node || true)
[ -n "$any_node" ] || { [ -x "$NODE" ] && any_node=$NODE; } || any_node=
if [ -z "$any_node" ]; then
  install_packages 'Roomlog needs Node and npm to fetch its own pinned Node' nodejs npm
  any_node=node
fi

if ! stale=$("$any_node" "$ROOT/scripts/lib/modules-current.cjs"); then
  command -v npm >/dev/null 2>&1 || install_packages 'Roomlog needs npm to fetch its packages' npm
  printf 'Installing the npm packages (%s)\n' "$stale" >&2
  rm -f "$ROOT/node_modules/.package-lock.json"
  (cd "$ROOT" && npm ci --prefer-offline --no-audit --no-fund --loglevel=error >&2) || {
    echo 'npm ci failed (see above); it needs the network the first time.' >&2
    exit 1
  }
  if ! stale=$("$any_node" "$ROOT/scripts/lib/modules-current.cjs"); then
    printf 'npm ci ended, but %s. Were install scripts disabled? Try: npm rebuild node\n' "$stale" >&2
    exit 1
  fi
fi
