/** `npm run upload`: uploads files to the input bucket of the running local stack. */
import { statSync } from 'node:fs';
import path from 'node:path';
import { Storage } from '@google-cloud/storage';
import { INPUT_BUCKET, PROJECT } from '../stack/plan.ts';
import { messageOf, optionsOrExit } from './command-line.ts';
import { findRunningStack } from './running-stack.ts';
import { parseUploadOptions, type UploadOptions, USAGE } from './upload-options.ts';

process.exitCode = await main();

async function main(): Promise<number> {
  const options = optionsOrExit(parseUploadOptions, USAGE);
  if (typeof options === 'number') return options;
  try {
    await upload(options);
    return 0;
  } catch (error) {
    console.error(messageOf(error));
    return 1;
  }
}

async function upload({ files, prompt, folder, stateDir }: UploadOptions): Promise<void> {
  for (const file of files)
    if (!statSync(file, { throwIfNoEntry: false })?.isFile())
      throw new Error(`${file} does not exist, or is not a file. Name files that can be read.`);
  const running = await findRunningStack(path.resolve(stateDir));
  if (!running)
    throw new Error(`No stack is running with the state folder ${stateDir}. Start one: npm start`);
  const bucket = new Storage({ apiEndpoint: running.storage, projectId: PROJECT }).bucket(INPUT_BUCKET);
  for (const file of files) {
    const name = `${folder}${path.basename(file)}`;
    await bucket.upload(file, {
      destination: name,
      ...(prompt === undefined ? {} : { metadata: { metadata: { prompt } } }),
    });
    console.log(`gs://${INPUT_BUCKET}/${name}`);
  }
  console.log(`Jobs: ${running.api}/v1/jobs   A file that cannot be used gets <name>.error.json beside it:`);
  console.log(`  ${running.storage}/storage/v1/b/${INPUT_BUCKET}/o?prefix=${encodeURIComponent(folder)}`);
}
