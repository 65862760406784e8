/** Finds a running stack, so that a state folder never has two. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Endpoints } from '../stack/plan.ts';

/** The endpoints of the stack that uses this state folder now, or undefined. */
export async function findRunningStack(stateDir: string): Promise<Endpoints | undefined> {
  let endpoints: Endpoints;
  try {
    endpoints = JSON.parse(readFileSync(path.join(stateDir, 'local.json'), 'utf8'));
  } catch {
    return undefined;
  }
  try {
    const response = await fetch(`${endpoints.api}/healthz`, { signal: AbortSignal.timeout(2000) });
    return response.ok ? endpoints : undefined;
  } catch {
    return undefined;
  }
}
