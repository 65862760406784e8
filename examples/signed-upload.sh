#!/usr/bin/env bash
# A video from an image that is too large for a request: get a signed link, PUT the image, name it in a job.
# The caller needs no access to the bucket.
set -euo pipefail

api="${CLAPPER_URL:-http://127.0.0.1:8080}"
auth=()
if [ -n "${CLAPPER_TOKEN:-}" ]; then auth=(-H "Authorization: Bearer $CLAPPER_TOKEN"); fi
call() { curl -sS --fail-with-body "${auth[@]+"${auth[@]}"}" "$@"; }
image="${1:-$(dirname "$0")/sunset.png}"

upload=$(call "$api/v1/uploads" -H 'Content-Type: application/json' -d '{"mimeType": "image/png"}')
url=$(grep -o '"url":"[^"]*"' <<< "$upload" | cut -d'"' -f4)
gcs_uri=$(grep -o '"gcsUri":"[^"]*"' <<< "$upload" | cut -d'"' -f4)

# The link carries the permission, so that this request sends no token. The type is part of the signature.
curl -sS --fail-with-body -X PUT "$url" -H 'Content-Type: image/png' --data-binary "@$image"
echo "uploaded $(basename "$image")"

job=$(call "$api/v1/jobs" -H 'Content-Type: application/json' -d @- << JSON
{"prompt": "The sun sinks below the horizon", "durationSeconds": 4,
 "image": {"gcsUri": "$gcs_uri", "mimeType": "image/png"}}
JSON
)
id=$(grep -o 'job_[a-z2-7]\{26\}' <<< "$job" | head -1)
echo "job $id"

status=queued
until [[ "$status" =~ ^(succeeded|failed|cancelled)$ ]]; do
  job=$(call "$api/v1/jobs/$id" -H 'Prefer: wait=60')
  status=$(grep -o '"status":"[a-z]*"' <<< "$job" | head -1 | cut -d'"' -f4)
done
echo "status $status"
if [ "$status" != succeeded ]; then echo "$job" >&2; exit 1; fi

call -L "$api/v1/jobs/$id/videos/0" -o sunset.mp4
echo "wrote sunset.mp4"
