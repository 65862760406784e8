# "Veo on Vertex AI API", sections "Text-to-video generation request" and "Poll the status", curl.
# Corrected: blanks behind the backslashes that continue a line, and a sample count in quotes.
BASE_URL="${GOOGLE_VERTEX_BASE_URL:-https://us-central1-aiplatform.googleapis.com}"
PROJECT_ID="$GOOGLE_CLOUD_PROJECT"
MODEL_ID=veo-2.0-generate-001
ACCESS_TOKEN="${ACCESS_TOKEN:-$(gcloud auth print-access-token)}"

cat > request.json <<JSON
{
  "instances": [
    {
      "prompt": "Northern lights over a snow field, time lapse"
    }
  ],
  "parameters": {
    "storageUri": "${OUTPUT_STORAGE_URI}",
    "sampleCount": 1
  }
}
JSON
operation_name=$(curl -s -X POST \
  -H "Authorization: Bearer $ACCESS_TOKEN" \
  -H "Content-Type: application/json; charset=utf-8" \
  -d @request.json \
  "${BASE_URL}/v1/projects/${PROJECT_ID}/locations/us-central1/publishers/google/models/${MODEL_ID}:predictLongRunning" | jq -r .name)

while true; do
  cat > request.json <<JSON
{
  "operationName": "${operation_name}"
}
JSON
  response=$(curl -s -X POST \
    -H "Authorization: Bearer $ACCESS_TOKEN" \
    -H "Content-Type: application/json; charset=utf-8" \
    -d @request.json \
    "${BASE_URL}/v1/projects/${PROJECT_ID}/locations/us-central1/publishers/google/models/${MODEL_ID}:fetchPredictOperation")
  if [ "$(echo "$response" | jq .done)" = "true" ]; then
    echo "$response" | jq -r ".response.videos[0].gcsUri"
    break
  fi
  sleep "$(jq -n "${POLL_INTERVAL_MS:-10000} / 1000")"
done
