// "Gemini API libraries" with its guides for Veo 3, section "Generate images using the Imagen models".
// Changed: `ai.models.generateImages` is `generateImages`, since the library no longer has it for the Developer API.
import * as fs from 'node:fs';
import { generateImages } from '../developer-imagen.mjs';

async function main() {
  const response = await generateImages({
    model: 'imagen-4.0-generate-preview-06-06',
    prompt: 'A robot with a red skateboard',
    config: {
      numberOfImages: 4,
    },
  });

  let idx = 1;
  for (const generatedImage of response.generatedImages) {
    const imgBytes = generatedImage.image.imageBytes;
    const buffer = Buffer.from(imgBytes, 'base64');
    fs.writeFileSync(`imagen-${idx}.png`, buffer);
    idx++;
  }
}

main();
