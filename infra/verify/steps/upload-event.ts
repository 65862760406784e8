/** Whether a dropped file reaches `upload`. It is free, because a file of no known kind only gets an error file. */
import { z } from 'zod';
import { asAssumed, type Context, differs, doesNotApply, eventually, type FreeStep } from '../step.ts';

const HOST = 'storage.googleapis.com';
const rulesSchema = z.array(z.looseObject({ prefix: z.string() }));
/** A new trigger may take two minutes until it delivers. */
const EVENT_DELAY_MS = 4 * 60_000;

export const uploadEvent: FreeStep = {
  id: 'upload-event',
  title: 'Eventarc delivers the event of a file that is dropped into the input bucket',
  async check(context) {
    const { environment } = context.deployment;
    const [rule] = rulesSchema.parse(JSON.parse(environment['CLAPPER_UPLOADS'] ?? '[]'));
    if (!rule) return doesNotApply('uploads has no rule');
    const bucket = environment['CLAPPER_INPUT_BUCKET'] ?? '';
    const name = `${rule.prefix}verify-${context.now()}.bin`;
    const errorFile = `${name}.error.json`;
    await expectOk(
      await context.google.send(
        HOST,
        `/upload/storage/v1/b/${bucket}/o?uploadType=media&name=${encodeURIComponent(name)}`,
        { method: 'POST', body: 'not an image', headers: { 'content-type': 'application/octet-stream' } },
      ),
    );
    const startedAt = context.now();
    const found = await eventually(context, EVENT_DELAY_MS, async () => {
      const response = await context.google.send(HOST, objectPath(bucket, errorFile), {});
      if (response.status !== 200 && response.status !== 404) await expectOk(response);
      await response.body?.cancel();
      return response.status === 200 ? true : undefined;
    });
    for (const each of [name, errorFile]) await remove(context, bucket, each);
    return found
      ? asAssumed(`the error file came after ${Math.round((context.now() - startedAt) / 1000)} s`)
      : differs(`gs://${bucket}/${name} got no error file within 4 minutes`);
  },
};

const objectPath = (bucket: string, name: string): string =>
  `/storage/v1/b/${bucket}/o/${encodeURIComponent(name)}`;

async function expectOk(response: Response): Promise<void> {
  const text = await response.text();
  if (!response.ok) throw new Error(`Cloud Storage answers ${response.status}: ${text.slice(0, 200)}`);
}

async function remove({ google }: Context, bucket: string, name: string): Promise<void> {
  const response = await google.send(HOST, objectPath(bucket, name), { method: 'DELETE' });
  await response.body?.cancel();
}
