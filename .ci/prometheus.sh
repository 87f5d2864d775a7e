#!/usr/bin/env bash
# Says where Prometheus and promtool are: on PATH, or taken out of Debian's packages into .local/prometheus, without installing them.
set -euo pipefail
cd "$(dirname "$0")/.."

if command -v prometheus >/dev/null && command -v promtool >/dev/null; then
  dirname "$(command -v prometheus)"
  exit
fi
folder="$PWD/.local/prometheus"
if [ ! -x "$folder/usr/bin/prometheus" ] || [ ! -x "$folder/usr/bin/promtool" ]; then
  wanted='Prometheus and promtool'
  . .ci/debian.sh
  (cd "$parts" && apt download prometheus promtool)
  mkdir -p "$folder"
  for package in "$parts"/prom*.deb; do
    dpkg-deb -x "$package" "$folder"
  done
fi
echo "$folder/usr/bin"
