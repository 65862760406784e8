/** Free ports for stacks that start at the same time. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { freePort } from '../../infra/stack/free-port.ts';

describe('a free port', () => {
  it('is the wanted port unless another server listens there', async () => {
    const port = await freePort();
    expect(await freePort(port)).toBe(port);
    const server = createServer().listen(port, '127.0.0.1');
    await once(server, 'listening');
    expect(await freePort(port)).not.toBe(port);
    server.close();
  });

  it('is not repeated within the range of its process, and is below the ephemeral range', async () => {
    const ports: number[] = [];
    for (let n = 0; n < 20; n++) ports.push(await freePort());
    expect(new Set(ports).size).toBe(20);
    for (const port of ports) expect(port).toBeLessThan(32_768);
  });

  it('differs from those of other processes that search at the same time', async () => {
    const module = fileURLToPath(new URL('../../infra/stack/free-port.ts', import.meta.url));
    const script = `import { freePort } from ${JSON.stringify(module)};
      const ports = []; for (let n = 0; n < 8; n++) ports.push(await freePort()); console.log(JSON.stringify(ports));`;
    const args = ['--import', 'tsx', '--input-type=module', '--eval', script];
    const answers = await Promise.all([1, 2, 3].map(() => promisify(execFile)(process.execPath, args)));
    const ports = answers.flatMap(({ stdout }): number[] => JSON.parse(stdout));
    expect(new Set(ports).size).toBe(24);
  });
});
