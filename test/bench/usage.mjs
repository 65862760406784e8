/**
 * Loaded before the program of a measured process. Reports over IPC what the process has used so far. Plain JavaScript,
 * so that a process that runs the deployed code needs no loader for it.
 */
import { readFileSync } from 'node:fs';

/**
 * On Linux, `maxRSS` includes the time before `exec`, when the process was still a copy of its parent. VmHWM covers
 * only the program. Other systems have only `maxRSS`.
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
// The listener must not keep the process alive.
process.channel?.unref();
