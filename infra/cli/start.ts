/** `npm start`: everything on this machine, until Ctrl-C. */
import path from 'node:path';
import { parseArgs } from 'node:util';
import { startStack } from '../stack/stack.ts';
import { findRunningStack } from './running-stack.ts';

const USAGE = `Usage: npm start -- [options]
  --port <n>        of the API and console (default 8080)
  --state <dir>     where everything is kept (default .clapper)
  --speed-up <n>    how much faster than Google's the simulated models are (default 20)
  --schedules <file>  batches that come by themselves (default schedules.json in the state folder, if any)
  --seed <n>        makes the simulated models' latencies repeatable`;

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '8080' },
    state: { type: 'string', default: '.clapper' },
    'speed-up': { type: 'string' },
    seed: { type: 'string' },
    schedules: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  console.log(USAGE);
} else {
  try {
    await main();
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
}

async function main(): Promise<void> {
  const stateDir = path.resolve(values.state);
  const running = await findRunningStack(stateDir);
  if (running) {
    console.log(`Clapper is running already: ${running.api}`);
    return;
  }
  const stack = await startStack({
    stateDir,
    apiPort: Number(values.port),
    speedUp: numberOf(values['speed-up']),
    seed: numberOf(values.seed),
    schedulesFile: values.schedules,
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
      console.log('Stopping; unfinished jobs go on at the next start.');
      void stack.stop().then(() => process.exit(0));
    });
  }
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

/** A line of the functions' JSON log as people read it; anything else as it is. */
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
