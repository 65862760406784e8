/** Google's official emulators, if they are installed. Each is started in its own process group. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface OfficialEmulatorKind {
  readonly component: string;
  /** The arguments of `gcloud`. */
  readonly command: readonly string[];
  /** A text that the emulator prints when it is ready. */
  readonly readyText: string;
}

export const FIRESTORE_EMULATOR: OfficialEmulatorKind = {
  component: 'cloud-firestore-emulator',
  command: ['emulators', 'firestore', 'start'],
  readyText: 'is now running',
};
export const PUBSUB_EMULATOR: OfficialEmulatorKind = {
  component: 'pubsub-emulator',
  command: ['beta', 'emulators', 'pubsub', 'start'],
  readyText: 'Server started, listening',
};

/** Why the official emulator cannot be used; undefined when it can. */
export async function whyNoOfficialEmulator({
  component,
}: OfficialEmulatorKind): Promise<string | undefined> {
  try {
    await run('java', ['-version']);
  } catch {
    return 'java is not installed';
  }
  try {
    const { stdout } = await run('gcloud', ['--version']);
    return stdout.includes(component) ? undefined : `gcloud has no ${component} component`;
  } catch {
    return 'gcloud is not installed';
  }
}

export interface OfficialEmulator {
  /** `127.0.0.1:port`. */
  readonly host: string;
  /** Ends gcloud and its Java process. */
  readonly stop: () => Promise<void>;
}

/**
 * Resolves when the emulator has printed that it is ready. The emulator opens its ports seconds after they were chosen
 * (the WebSocket's by itself), so that another process can take one in between: it is then started again with others.
 */
export async function startOfficialEmulator(kind: OfficialEmulatorKind): Promise<OfficialEmulator> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startOn(await freePort(), kind);
    } catch (error) {
      if (attempt === 5 || !String(error).includes('Address already in use')) throw error;
    }
  }
}

async function startOn(
  port: number,
  { command, readyText }: OfficialEmulatorKind,
): Promise<OfficialEmulator> {
  const host = `127.0.0.1:${port}`;
  const child = spawn('gcloud', [...command, `--host-port=${host}`, '--quiet'], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit');
  const kill = (): void => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
      process.kill(-child.pid, 'SIGKILL');
  };
  // Its own process group would outlive an aborted test run.
  process.once('exit', kill);
  await new Promise<void>((resolve, reject) => {
    let output = '';
    const read = (chunk: Buffer): void => {
      output += chunk.toString();
      if (output.includes(readyText)) resolve();
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('error', reject);
    child.once('exit', (code) =>
      reject(new Error(`the official emulator exited with code ${code}: ${output}`)),
    );
  });
  return {
    host,
    stop: async () => {
      process.off('exit', kill);
      kill();
      await exited;
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return address.port;
}
