#!/bin/sh
# Asks TensorFlow Serving by REST, with curl, for the example of a signature of the newest version.
#
#     sh rest_client.sh [SIGNATURE [http://localhost:8501]]
#
# Without a signature, for all of them. The expected answers are in the files *.answer.json beside
# the examples.
set -eu
model=$(cd "$(dirname "$0")/.." && pwd)
version=$(ls "$model" | grep -E '^[0-9]+$' | sort -n | tail -n 1)
examples="$model/$version/assets.extra/examples"
url="${2:-http://localhost:8501}/v1/models/$(basename "$model")/versions/$version:predict"
for file in "$examples"/${1:-*}.json; do
  case $file in *.answer.json) continue ;; esac
  echo "$(basename "$file" .json):"
  curl --silent --show-error --fail-with-body --max-time 10 --data "@$file" "$url"
  echo
done
