# Installs Debian or Ubuntu packages: sourced by bootstrap.sh, or run as `sh packages.sh WHY PACKAGE...` by the TypeScript.
# A PACKAGE may be alternatives, `a|b|c`: the first that the machine's sources have is taken.
# Asks first in a terminal (unless ROOMLOG_YES=1), and never lets a package start a system service.

packages_fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

# The first alternative with an installation candidate; fails when there is none.
packages_choose() {
  for choice in $(printf '%s' "$1" | tr '|' ' '); do
    if apt-cache policy "$choice" 2>/dev/null | grep -q 'Candidate: [^(]'; then
      printf '%s' "$choice"
      return 0
    fi
  done
  return 1
}

install_packages() {
  why=$1
  shift
  wanted=$*
  command -v apt-get >/dev/null 2>&1 ||
    packages_fail "$why. This machine has no apt-get: install it by hand (on Debian: $wanted) and run this again."
  as_root=
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null 2>&1 ||
      packages_fail "$why. Neither root nor sudo here: have an administrator install: $wanted"
    as_root=sudo
    [ -t 0 ] || as_root='sudo -n'
  fi
  if [ "${ROOMLOG_YES:-}" != 1 ] && [ -t 0 ] && [ -t 2 ]; then
    printf '%s. Install these packages with apt-get: %s? [Y/n] ' "$why" "$wanted" >&2
    read -r answer || answer=n
    case $answer in
      '' | y | Y | yes) ;;
      *) packages_fail "Not installed. Install $wanted yourself, then run this again." ;;
    esac
  else
    printf '%s. Installing: %s\n' "$why" "$wanted" >&2
  fi
  (
    # invoke-rc.d and deb-systemd-invoke ask this file before they start anything.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ] || grep -q roomlog $policy 2>/dev/null; then
      trap '$as_root rm -f $policy' EXIT
      trap 'exit 130' INT TERM HUP
      printf '#!/bin/sh\n# For the time of a roomlog script: installing starts no service.\nexit 101\n' |
        $as_root tee $policy >/dev/null
      $as_root chmod 755 $policy
    fi
    names=
    for package in $wanted; do
      name=$(packages_choose "$package") || {
        $as_root apt-get update -qq >&2 || packages_fail 'apt-get update failed; see above.'
        name=$(packages_choose "$package") || packages_fail "No package source here has any of: $package"
      }
      names="$names $name"
    done
    install() {
      # shellcheck disable=SC2086 -- a list of names
      $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
        -o Dpkg::Use-Pty=0 --no-install-recommends $names >/dev/null
    }
    # Package lists that are older than the server's files are the usual cause of a first failure.
    install || { $as_root apt-get update -qq >&2 && install; } ||
      packages_fail "apt-get could not install:$names (see above). Install them by hand and run this again."
  ) || exit 1
}

case ${0##*/} in
  packages.sh) install_packages "$@" ;;
esac
