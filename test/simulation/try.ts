import { simulate, everything } from './simulate.ts';
import { loadSubject } from './subject.ts';
import { addStatistics, resolvedShare } from './statistics.ts';
const s = await loadSubject();
const from = Number(process.argv[2] ?? 1), n = Number(process.argv[3] ?? 1000);
const t = performance.now(); const total = {}; const v = new Map<string, [number, number, string]>();
for (let i = 0; i < n; i++) {
  const r = await simulate(s, { ...everything(from + i), onLine: process.argv[4] ? console.log : undefined });
  addStatistics(total, r.statistics);
  if (r.violation) { const e = v.get(r.violation.check); v.set(r.violation.check, e ? [e[0]+1, e[1], e[2]] : [1, r.seed, r.violation.message]); }
}
const ms = performance.now() - t;
console.log(n / ms * 1000, 'runs/s', total, resolvedShare(total), v);
