#!/usr/bin/env bash
# Writes Elasticsearch, with our plugin in it, as elasticsearch.tar into the directory $1. From Maven.
set -euo pipefail
out=$1
version=8.19.21
missing=()
command -v mvn >/dev/null || missing+=(maven)
command -v javac >/dev/null || missing+=(default-jdk-headless)
command -v unzip >/dev/null || missing+=(unzip)
if [ "${#missing[@]}" -gt 0 ]; then
  apt-get -qq update
  DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}"
fi

zip=$DOWNLOADS/elasticsearch-$version.zip
if [ ! -e "$zip" ]; then
  for attempt in 1 2 3; do # a repository that refuses once is asked again
    mvn -q -B -ntp org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy \
      -Dartifact="org.elasticsearch.distribution.integ-test-zip:elasticsearch:$version:zip" \
      -DoutputDirectory="$DOWNLOADS/new" -Dmdep.useBaseVersion=true && break
    [ "$attempt" -lt 3 ]
  done
  mv "$DOWNLOADS/new/elasticsearch-$version.zip" "$zip"
fi
work=$(mktemp -d -p "$out")
trap 'rm -rf "$work"' EXIT
unzip -q "$zip" -d "$work"
home=$work/elasticsearch-$version

plugin=$home/plugins/stand-in
mkdir -p "$plugin" "$work/classes"
javac -nowarn -Xlint:none --release 17 -cp "$home/lib/*" -d "$work/classes" plugin/*.java
jar --create --file "$plugin/stand-in.jar" -C "$work/classes" .
sed "s/@VERSION@/$version/" plugin/plugin-descriptor.properties >"$plugin/plugin-descriptor.properties"

rm -rf "$home"/lib/platform/{darwin,windows}-* "$home"/lib/tools/windows-service-cli "$home"/bin/*.{bat,exe}
tar -C "$home" --numeric-owner --owner=0 --group=0 -cf "$out/elasticsearch.tar" .
