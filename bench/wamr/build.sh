#!/bin/sh
# Builds tinytrain-wamr (README.md) and prints its path. WAMR comes from WAMR_ROOT or a published crate (get-wamr.sh).
#
#   bench/wamr/build.sh [FOLDER]     default: build/wamr of the repository
#
# INTERPRETER=classic builds WAMR's classic interpreter (less RAM, slower) instead of the fast one.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here/../../build/wamr}
for tool in cmake make cc; do
  command -v $tool >/dev/null || {
    echo "wamr: $tool is missing: install cmake, make and a C compiler" >&2
    exit 1
  }
done
case ${INTERPRETER:-fast} in
  fast) fast=1 name=cmake ;;
  classic) fast=0 name=cmake-classic ;;
  *)
    echo "wamr: INTERPRETER must be fast or classic, got '$INTERPRETER'" >&2
    exit 1
    ;;
esac
mkdir -p "$out"
out=$(cd "$out" && pwd)
wamr=$("$here/get-wamr.sh" "$out")
{
  cmake -S "$here" -B "$out/$name" -DWAMR_ROOT="$wamr" -DWAMR_BUILD_FAST_INTERP=$fast -DCMAKE_BUILD_TYPE=Release &&
    cmake --build "$out/$name" -j "${JOBS:-2}"
} >"$out/$name.log" 2>&1 || {
  echo "wamr: the build failed: $(grep -m1 -i 'error' "$out/$name.log" || tail -n1 "$out/$name.log") (all of it: $out/$name.log)" >&2
  exit 1
}
echo "$out/$name/tinytrain-wamr"
