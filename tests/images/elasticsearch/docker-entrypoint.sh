#!/bin/bash
# As upstream's: the password from a file, settings from variables with a dot in their name, then Elasticsearch.
set -euo pipefail
[ "${1:-eswrapper}" = eswrapper ] || exec "$@"
home=/usr/share/elasticsearch
export ES_PATH_CONF=${ES_PATH_CONF:-$home/config}

# Elasticsearch's own: it insists on the mode 400 or 600. It counts upon unset variables being empty.
set +u
# shellcheck source=/dev/null  # it comes with Elasticsearch
source "$home/bin/elasticsearch-env-from-file"
set -u
if [ -n "${ELASTIC_PASSWORD:-}" ]; then
  [ -e "$ES_PATH_CONF/elasticsearch.keystore" ] || elasticsearch-keystore create >/dev/null
  if ! elasticsearch-keystore list | grep -q '^bootstrap.password$'; then
    elasticsearch-keystore add -x bootstrap.password <<<"$ELASTIC_PASSWORD"
  fi
  unset ELASTIC_PASSWORD
fi

settings=()
while IFS='=' read -r -d '' name value; do
  if [[ $name =~ ^[a-z0-9_]+(\.[a-z0-9_]+)+$ ]]; then
    case $name in
      ingest.geoip.*) echo "stand-in: this distribution does not know $name, which is left out" >&2 ;;
      *) [ -z "$value" ] || settings+=(-E "$name=$value") ;;
    esac
  fi
done < <(env -0)
exec elasticsearch "${settings[@]}"
