// "Gemini API libraries" with its guides for Veo 3, section "Image editing (text-and-image-to-image)".
import * as fs from 'node:fs';
import { GoogleGenAI, Modality } from 'google-genai-2';

async function main() {
  const ai = new GoogleGenAI({});

  const imagePath = 'image.png';
  const imageData = fs.readFileSync(imagePath);
  const base64Image = imageData.toString('base64');

  const contents = [
    { text: 'Put a llama into this picture' },
    {
      inlineData: {
        mimeType: 'image/png',
        data: base64Image,
      },
    },
  ];

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
