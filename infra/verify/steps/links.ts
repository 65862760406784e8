/** Links that are signed without a key file, by IAM's `signBlob`, and what they lead to. */
import { landscape } from '../inputs.ts';
import { asAssumed, type Context, compare, differs, type FreeStep } from '../step.ts';

export const signedUpload: FreeStep = {
  id: 'signed-upload',
  title: 'A signed upload link accepts an image, which a request may then name',
  async check({ api, fetch }) {
    const { url, headers, gcsUri } = await api.createUpload('image/png');
    const put = await fetch(url, {
      method: 'PUT',
      headers,
      body: new Uint8Array(Buffer.from(landscape(0.5), 'base64')),
    });
    const words = (await put.text()).replaceAll(/\s+/g, ' ').slice(0, 200);
    if (!put.ok) return differs(`PUT answers ${put.status}: ${words}`);
    await api.estimateUsd({ prompt: 'clouds drift', image: { gcsUri }, durationSeconds: 4 });
    return asAssumed(`${gcsUri} was written and read. You may delete it.`);
  },
};

async function linkOf(context: Context, headers: Record<string, string>): Promise<string> {
  const href = context.jobs.get('first-video')?.videos?.[0]?.href ?? '';
  const response = await context.api.send(href, { headers });
  await response.body?.cancel();
  const location = response.headers.get('location');
  if (response.status !== 302 || location === null)
    throw new Error(`${href} answers ${response.status} without a link.`);
  return location;
}

export const signedLink: FreeStep = {
  id: 'signed-link',
  title: 'A signed link works with the headers of the caller, and in ranges',
  after: 'first-video',
  async check(context) {
    const statusOf = async (link: string, headers: Record<string, string>): Promise<number> => {
      const response = await context.fetch(link, { headers });
      await response.body?.cancel();
      return response.status;
    };
    const client = { 'x-goog-api-client': 'clapper-verify' };
    const plain = await statusOf(await linkOf(context, {}), {});
    const repeated = await statusOf(await linkOf(context, client), client);
    const range = await statusOf(await linkOf(context, {}), { range: 'bytes=0-15' });
    const seen = `GET ${plain}, with an x-goog- header ${repeated}, a range ${range}`;
    return plain === 200 && repeated === 200 && range === 206 ? asAssumed(seen) : differs(seen);
  },
};

/** C2PA, "Embedding manifests into BMFF-based assets": a top-level box `uuid` of this type. */
const C2PA_UUID = 'd8fec3d6-1b0e-483c-9297-5828877ec481'.replaceAll('-', '');

export const contentCredentials: FreeStep = {
  id: 'content-credentials',
  title: 'Videos carry Content Credentials (C2PA)',
  after: 'first-video',
  async check(context) {
    const response = await context.fetch(await linkOf(context, {}));
    const boxes = topLevelBoxes(Buffer.from(await response.arrayBuffer()));
    const seen = `top-level boxes: ${boxes.join(', ')}`;
    return boxes.includes(`uuid ${C2PA_UUID}`) ? asAssumed(seen) : compare(`no C2PA manifest; ${seen}`);
  },
};

/** The types of an MP4's top-level boxes, `uuid` with its extended type. */
export function topLevelBoxes(mp4: Buffer): string[] {
  const types: string[] = [];
  let at = 0;
  while (at + 8 <= mp4.length) {
    const type = mp4.toString('latin1', at + 4, at + 8);
    const size32 = mp4.readUInt32BE(at);
    const isLarge = size32 === 1 && at + 16 <= mp4.length;
    const header = isLarge ? 16 : 8;
    const size = isLarge ? Number(mp4.readBigUInt64BE(at + 8)) : size32 === 0 ? mp4.length - at : size32;
    types.push(type === 'uuid' ? `uuid ${mp4.toString('hex', at + header, at + header + 16)}` : type);
    if (size < header) break;
    at += size;
  }
  return types;
}
