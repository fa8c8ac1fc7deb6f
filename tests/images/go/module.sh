#!/bin/sh
# Puts the source of a Go module into the working directory, writable: module PATH@VERSION
# Its own go.mod and go.sum, which come with it, say which versions of which others it is built with.
set -eu
cp -rT --no-preserve=mode "$(go mod download -json "$1" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')" .
