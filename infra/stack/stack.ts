/** Clapper on one machine: the local cloud and the functions, as two supervised processes. */
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Endpoints, endpointsOf, functionsEnvironment, makePlan, type PlanOptions } from './plan.ts';
import { StackProcess } from './process.ts';
import { lockState } from './state-lock.ts';

export interface StackOptions extends PlanOptions {
  /** Receives every line of both processes (the functions log JSON) and of the supervisor. */
  readonly onLine?: ((line: string) => void) | undefined;
}

export interface Stack {
  readonly endpoints: Endpoints;
  readonly stateDir: string;
  /** Environment of the functions. */
  readonly environment: Readonly<Record<string, string>>;
  readonly processes: { readonly cloud: StackProcess; readonly functions: StackProcess };
  readonly stop: () => Promise<void>;
}

/** A paid call may take one minute, and its response must then be stored. A kill within that time would lose it. */
const DRAIN_MS = 90_000;

const fileOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

export async function startStack(options: StackOptions): Promise<Stack> {
  const unlock = lockState(options.stateDir);
  const plan = await makePlan(options).catch((error: unknown) => {
    unlock();
    throw error;
  });
  const { stateDir } = plan;
  const cloud = new StackProcess({
    name: 'local cloud',
    file: fileOf('./local-cloud.ts'),
    env: { CLAPPER_STACK_PLAN: JSON.stringify(plan), METADATA_SERVER_DETECTION: 'none' },
    logFile: path.join(stateDir, 'logs', 'cloud.log'),
    onLine: options.onLine,
  });
  const environment = functionsEnvironment(plan);
  const functions = new StackProcess({
    name: 'functions',
    file: fileOf('./functions-gateway.ts'),
    env: { ...environment, PORT: String(plan.ports.api) },
    logFile: path.join(stateDir, 'logs', 'functions.log'),
    onLine: options.onLine,
    stopTimeoutMs: DRAIN_MS,
  });
  const endpointsFile = path.join(stateDir, 'local.json');
  const stop = async (): Promise<void> => {
    rmSync(endpointsFile, { force: true });
    // The functions stop first, so that none of their calls fails because the local cloud is down.
    await functions.stop();
    await cloud.stop();
    unlock();
  };
  try {
    await Promise.all([cloud.start(), functions.start()]);
  } catch (error) {
    await stop();
    throw error;
  }
  const endpoints = endpointsOf(plan);
  writeFileSync(endpointsFile, `${JSON.stringify(endpoints, null, 2)}\n`);
  return { endpoints, stateDir, environment, processes: { cloud, functions }, stop };
}
