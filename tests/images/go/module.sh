#!/bin/sh
# Puts the source of a Go module into the working directory, writable: module PATH@VERSION
# Its own go.mod and go.sum, which come with it, say which versions of which others it is built with.
set -eu
for attempt in 1 2 3; do # a proxy that refuses once is asked again
  told=$(go mod download -json "$1") && break
  [ "$attempt" -lt 3 ]
done
cp -rT --no-preserve=mode "$(printf '%s\n' "$told" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')" .
