#!/usr/bin/env bash
# A video from a prompt, over HTTP: submit a job, wait for it, download the video.
set -euo pipefail

api="${CLAPPER_URL:-http://127.0.0.1:8080}"
# In the cloud: an API key of the deployment or a Google-signed ID token. The local stack needs neither.
auth=()
if [ -n "${CLAPPER_TOKEN:-}" ]; then auth=(-H "Authorization: Bearer $CLAPPER_TOKEN"); fi

# --fail-with-body: a refusal ends the script, and prints which field is wrong.
call() { curl -sS --fail-with-body "${auth[@]+"${auth[@]}"}" "$@"; }

# The same key and body return the same job. A repetition after a lost answer is never paid for twice.
job=$(call "$api/v1/jobs" \
  -H 'Content-Type: application/json' -H "Idempotency-Key: ${ORDER:-order-42}" \
  -d '{"prompt": "A calico kitten asleep in the sun", "aspectRatio": "9:16", "durationSeconds": 4}')
id=$(grep -o 'job_[a-z2-7]\{26\}' <<< "$job" | head -1)
echo "job $id"

# `Prefer: wait` holds the answer for up to 60 s, so that this loop makes one request a minute.
status=queued
until [[ "$status" =~ ^(succeeded|failed|cancelled)$ ]]; do
  job=$(call "$api/v1/jobs/$id" -H 'Prefer: wait=60')
  status=$(grep -o '"status":"[a-z]*"' <<< "$job" | head -1 | cut -d'"' -f4)
done
echo "status $status"
if [ "$status" != succeeded ]; then echo "$job" >&2; exit 1; fi

# The API redirects to a link into the bucket that works for 15 minutes. curl does not send the token to another host.
call -L "$api/v1/jobs/$id/videos/0" -o kitten.mp4
echo "wrote kitten.mp4"
