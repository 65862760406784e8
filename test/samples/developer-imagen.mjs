/**
 * `ai.models.generateImages` on the Developer API: the request that the client library made up to its series 1, and the
 * part of its answer that the samples use. Since series 2 the library refuses this call before it asks anybody.
 */
export async function generateImages({ model, prompt, config }) {
  const base = process.env.GOOGLE_GEMINI_BASE_URL ?? 'https://generativelanguage.googleapis.com';
  const parameters = config && { parameters: { sampleCount: config.numberOfImages } };
  const response = await fetch(`${base}/v1beta/models/${model}:predict`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-goog-api-key': process.env.GEMINI_API_KEY },
    body: JSON.stringify({ instances: [{ prompt }], ...parameters }),
  });
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
  const { predictions } = await response.json();
  return {
    generatedImages: predictions.map(({ bytesBase64Encoded, mimeType }) => ({
      image: { imageBytes: bytesBase64Encoded, mimeType },
    })),
  };
}
