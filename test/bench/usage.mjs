/**
 * Loaded before the program of a measured process: tells over IPC what the process has used so far. Plain JavaScript, so
 * that nothing else has to be loaded into a process that runs what is deployed.
 */
import { readFileSync } from 'node:fs';

/**
 * Linux counts `maxRSS` from before `exec`, when the process was still a copy of the one that started it; VmHWM is of
 * the program alone. Elsewhere `maxRSS` has to do.
 */
function peakKib() {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS;
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
}

process.on('message', (message) => {
  if (message !== 'usage') return;
  const { user, system } = process.cpuUsage();
  process.send?.({ usage: { peakMib: peakKib() / 1024, cpuSeconds: (user + system) / 1e6 } });
});
// Listening alone is no reason to stay.
process.channel?.unref();
