// "Gemini API libraries" with its guides for Veo 3, section "Image generation (text-to-image)".
import * as fs from 'node:fs';
import { GoogleGenAI, Modality } from 'google-genai-2';

async function main() {
  const ai = new GoogleGenAI({});

  const contents = 'A winged pig in a top hat above a green ' + 'city of the future, rendered in 3d';

  const response = await ai.models.generateContent({
    model: 'gemini-2.0-flash-preview-image-generation',
    contents: contents,
    config: {
      responseModalities: [Modality.TEXT, Modality.IMAGE],
    },
  });
  for (const part of response.candidates[0].content.parts) {
    if (part.text) {
      console.log(part.text);
    } else if (part.inlineData) {
      const imageData = part.inlineData.data;
      const buffer = Buffer.from(imageData, 'base64');
      fs.writeFileSync('gemini-native-image.png', buffer);
      console.log('Image saved as gemini-native-image.png');
    }
  }
}

main();
