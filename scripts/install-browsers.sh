#!/usr/bin/env bash
# Installs the browsers that the tests drive, Chromium and Firefox, from the system's packages; what is there already is
# left alone. TINYTRAIN_CHROMIUM and TINYTRAIN_FIREFOX name other programs.
set -euo pipefail

missing=()
[ -n "${TINYTRAIN_CHROMIUM:-}" ] || command -v chromium chromium-browser google-chrome-stable google-chrome >/dev/null || missing+=(chromium)
[ -n "${TINYTRAIN_FIREFOX:-}" ] || command -v firefox-esr firefox >/dev/null || missing+=(firefox-esr)
if [ "${#missing[@]}" -eq 0 ]; then
  echo "Chromium and Firefox are there."
  exit 0
fi

if ! command -v apt-get >/dev/null; then
  echo "install Chromium (or Chrome) and Firefox by hand (missing: ${missing[*]}), or set TINYTRAIN_CHROMIUM and TINYTRAIN_FIREFOX to their programs" >&2
  exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
  echo "run as root: apt-get install ${missing[*]}" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}"
