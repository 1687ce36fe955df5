#!/bin/sh
# Builds tinytrain-wamr (README.md) and prints its path. WAMR comes from WAMR_ROOT or a published crate (get-wamr.sh).
#
#   bench/wamr/build.sh [FOLDER]     default: build/wamr of the repository
set -eu

here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here/../../build/wamr}
for tool in cmake make cc; do
  command -v $tool >/dev/null || {
    echo "wamr: $tool is missing: install cmake, make and a C compiler" >&2
    exit 1
  }
done
mkdir -p "$out"
out=$(cd "$out" && pwd)
wamr=$("$here/get-wamr.sh" "$out")
{
  cmake -S "$here" -B "$out/cmake" -DWAMR_ROOT="$wamr" -DCMAKE_BUILD_TYPE=Release &&
    cmake --build "$out/cmake" -j "${JOBS:-2}"
} >"$out/log" 2>&1 || {
  echo "wamr: the build failed: $(grep -m1 -i 'error' "$out/log" || tail -n1 "$out/log") (all of it: $out/log)" >&2
  exit 1
}
echo "$out/cmake/tinytrain-wamr"
