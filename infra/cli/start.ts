/** `npm start`: runs the whole stack on this machine until Ctrl-C. */
import path from 'node:path';
import { startStack } from '../stack/stack.ts';
import { messageOf, optionsOrExit } from './command-line.ts';
import { findRunningStack } from './running-stack.ts';
import { parseStartOptions, type StartOptions, USAGE } from './start-options.ts';

process.exitCode = await main();

/** @returns the exit code, or undefined while the stack keeps running */
async function main(): Promise<number | undefined> {
  const options = optionsOrExit(parseStartOptions, USAGE);
  if (typeof options === 'number') return options;
  try {
    return await start(options);
  } catch (error) {
    console.error(messageOf(error));
    return 1;
  }
}

async function start({
  port,
  speedUp,
  seed,
  schedulesFile,
  allowRetiredModels,
  ...options
}: StartOptions): Promise<number | undefined> {
  const stateDir = path.resolve(options.stateDir);
  const running = await findRunningStack(stateDir);
  if (running) {
    console.log(`Clapper is already running: ${running.api}`);
    return 0;
  }
  const stack = await startStack({
    ...{ stateDir, apiPort: port, speedUp, seed, schedulesFile, allowRetiredModels },
    onLine: (line) => console.log(readable(line)),
  });
  const { api, ...servers } = stack.endpoints;
  console.log(`Clapper is at ${api}   (simulated models; nothing is paid)`);
  for (const [name, endpoint] of Object.entries(servers)) console.log(`  ${name.padEnd(10)} ${endpoint}`);
  console.log(`  state      ${stateDir}`);
  console.log(
    `Try: curl -s ${api}/v1/jobs -H 'content-type: application/json' -d '{"prompt":"a calico kitten asleep"}'`,
  );
  let stopping = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (stopping) process.exit(1);
      stopping = true;
      console.log('Stopping. Unfinished jobs resume at the next start.');
      void stack.stop().then(() => process.exit(0));
    });
  }
  return undefined;
}

/** Formats a line of the functions' JSON log for reading. Returns other lines unchanged. */
function readable(line: string): string {
  try {
    const { time, severity, message }: { time?: string; severity?: string; message?: string } =
      JSON.parse(line);
    if (time === undefined || message === undefined) return line;
    return `${time.slice(11, 23)} ${severity === 'INFO' ? '' : `${severity} `}${message}`;
  } catch {
    return line;
  }
}
