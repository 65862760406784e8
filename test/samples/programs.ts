/**
 * The samples of Google's documents as programs, with the expected output of each.
 *
 * Key, base URL and poll interval come from the environment; the first lines of a program name all other differences from
 * its document. Samples in Python or plain HTTP are translated to JavaScript where the document has no JavaScript. Go and
 * PowerShell samples are omitted: they send the same requests as the samples next to them.
 */

export interface ExpectedVideo {
  readonly seconds: number;
  readonly aspectRatio?: '9:16';
  readonly resolution?: '1080p';
}

export interface Program {
  /** Relative to this folder. */
  readonly file: string;
  /** Image files that exist in its working directory. */
  readonly inputImages?: readonly string[];
  /** The video files that it writes. */
  readonly videos?: Readonly<Record<string, ExpectedVideo>>;
  /** The image files that it writes. */
  readonly images?: readonly string[];
  /** The video at the `gs://` URI that it prints in its last line. */
  readonly object?: ExpectedVideo;
  /** Number of calls that Google charges for. Default 1. */
  readonly paidCalls?: number;
}

const VIDEO: ExpectedVideo = { seconds: 8 };
const LARGE: ExpectedVideo = { seconds: 8, resolution: '1080p' };

export const PROGRAMS: readonly Program[] = [
  { file: 'js/01-veo-2-text.mjs', videos: { 'video0.mp4': VIDEO } },
  {
    file: 'js/02-veo-2-image-by-imagen.mjs',
    videos: { 'video0.mp4': VIDEO, 'video1.mp4': VIDEO },
    paidCalls: 2,
  },
  { file: 'js/03-gemini-picture.mjs', images: ['gemini-native-image.png'] },
  {
    file: 'js/04-gemini-picture-edited.mjs',
    inputImages: ['image.png'],
    images: ['gemini-native-image.png'],
  },
  {
    file: 'js/05-imagen-four-pictures.mjs',
    images: ['imagen-1.png', 'imagen-2.png', 'imagen-3.png', 'imagen-4.png'],
  },
  { file: 'js/06-veo-3-text.mjs', videos: { 'dialogue_example.mp4': VIDEO } },
  {
    file: 'js/07-veo-2-image-by-imagen-downloaded.mjs',
    videos: { 'veo2_with_image_input.mp4': VIDEO },
    paidCalls: 2,
  },
  { file: 'js/08-veo-3-parameters.mjs', videos: { 'parameters_example.mp4': VIDEO } },
  { file: 'js/09-veo-3-asynchronous.mjs', videos: { 'asynchronous.mp4': VIDEO } },
  { file: 'js/10-veo-3-1-text.mjs', videos: { 'dialogue_example.mp4': VIDEO } },
  { file: 'js/11-veo-3-1-image-by-gemini.mjs', videos: { 'veo3_with_image_input.mp4': VIDEO }, paidCalls: 2 },
  {
    file: 'js/12-veo-3-1-reference-images.mjs',
    videos: { 'veo3.1_with_reference_images.mp4': VIDEO },
    paidCalls: 4,
  },
  {
    file: 'js/13-veo-3-1-first-and-last-frame.mjs',
    videos: { 'veo3.1_with_interpolation.mp4': VIDEO },
    paidCalls: 3,
  },
  { file: 'js/14-veo-3-1-extension.mjs', videos: { 'veo3.1_extension.mp4': { seconds: 15 } }, paidCalls: 2 },
  { file: 'js/15-veo-3-1-asynchronous.mjs', videos: { 'asynchronous.mp4': VIDEO } },
  { file: 'js/16-veo-3-1-operation-by-name.mjs', videos: { 'by_name.mp4': VIDEO } },
  { file: 'js/17-veo-3-1-parameters.mjs', videos: { 'parameters_example.mp4': VIDEO } },
  { file: 'js/18-python-basic.mjs', videos: { 'meadow.mp4': VIDEO } },
  { file: 'js/19-python-high-resolution.mjs', videos: { 'sushi.mp4': LARGE } },
  { file: 'js/20-python-portrait.mjs', videos: { 'dancer.mp4': { ...LARGE, aspectRatio: '9:16' } } },
  { file: 'js/21-python-extension.mjs', videos: { 'rocket_extended.mp4': { seconds: 15 } }, paidCalls: 2 },
  {
    file: 'js/22-python-first-frame.mjs',
    inputImages: ['start_frame.png'],
    videos: { 'first_frame.mp4': VIDEO },
  },
  {
    file: 'js/23-python-first-and-last-frame.mjs',
    inputImages: ['start_frame.png', 'final_frame.png'],
    videos: { 'transition.mp4': VIDEO },
  },
  {
    file: 'js/24-python-reference-images.mjs',
    inputImages: ['subject.png', 'style.png'],
    videos: { 'references.mp4': VIDEO },
  },
  { file: 'js/25-python-fast.mjs', videos: { 'yarn.mp4': { seconds: 4 } } },
  { file: 'js/26-python-polling-helper.mjs', videos: { 'skyline.mp4': LARGE } },
  { file: 'js/27-vertex-text.mjs', object: VIDEO },
  {
    file: 'js/28-vertex-image.mjs',
    inputImages: ['input.png'],
    videos: {
      'sample_0.mp4': { seconds: 6, aspectRatio: '9:16' },
      'sample_1.mp4': { seconds: 6, aspectRatio: '9:16' },
    },
  },
  { file: 'curl/01-veo-3-1-text.sh', videos: { 'dialogue_example.mp4': VIDEO } },
  { file: 'curl/02-veo-3-1-parameters.sh', videos: { 'parameters_example.mp4': VIDEO } },
  { file: 'curl/03-vertex-text.sh', object: VIDEO },
  {
    file: 'curl/04-vertex-image.sh',
    inputImages: ['input.png'],
    videos: {
      'sample_0.mp4': { ...VIDEO, aspectRatio: '9:16' },
      'sample_1.mp4': { ...VIDEO, aspectRatio: '9:16' },
    },
  },
];
