# "Veo on Vertex AI API", sections "Image-to-video generation request" with its optional parameters and "Poll the status", curl.
# Corrected: blanks behind the backslashes that continue a line. Without a place in Cloud Storage, so that the reply holds the bytes.
BASE_URL="${GOOGLE_VERTEX_BASE_URL:-https://us-central1-aiplatform.googleapis.com}"
PROJECT_ID="$GOOGLE_CLOUD_PROJECT"
MODEL_ID=veo-2.0-generate-001
ACCESS_TOKEN="${ACCESS_TOKEN:-$(gcloud auth print-access-token)}"

cat > request.json <<JSON
{
  "instances": [
    {
      "prompt": "A horseman crosses an open plain in the evening light",
      "image": {
        "bytesBase64Encoded": "$(base64 < input.png | tr -d '\n')",
        "mimeType": "image/png"
      }
    }
  ],
  "parameters": {
    "aspectRatio": "9:16",
    "negativePrompt": "overhead lighting, bright colors",
    "personGeneration": "allow_adult",
    "sampleCount": 2,
    "seed": 42
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
    for n in 0 1; do
      echo "$response" | jq -r ".response.videos[$n].bytesBase64Encoded" | base64 -d > "sample_$n.mp4"
    done
    break
  fi
  sleep "$(jq -n "${POLL_INTERVAL_MS:-10000} / 1000")"
done
