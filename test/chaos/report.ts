/** The report of a chaos run, as JSON and as a table. */
import { RULES, type Violation } from './checks.ts';
import type { Evidence, JobEvidence } from './evidence.ts';
import type { Footprint } from './footprint.ts';
import { matchStage, stageAttempts } from './matching.ts';

export interface ChaosReport {
  readonly seed: number;
  readonly jobs: number;
  readonly byStatus: Readonly<Record<string, number>>;
  readonly byKind: Readonly<Record<string, number>>;
  readonly byError: Readonly<Record<string, number>>;
  /** Keyed by process. */
  readonly kills: Readonly<Record<string, number>>;
  readonly submittedSeconds: number;
  readonly settledSeconds: number;
  readonly jobsPerMinute: number;
  readonly attempts: number;
  readonly paidCalls: number;
  /** The number of attempts that were uncertain at some time, by their final state. */
  readonly uncertain: Readonly<Record<string, number>>;
  readonly clientRetries: number;
  readonly slowestAnswerMs: number;
  readonly footprints: readonly Footprint[];
  /** The counts of error messages and of lines that are not log entries, with ids and numbers masked. */
  readonly complaints: Readonly<Record<string, number>>;
  readonly violations: readonly Violation[];
  /** The state folder, kept when there are violations. */
  readonly stateDir?: string;
}

interface Findings {
  readonly seed: number;
  readonly kills: Readonly<Record<string, number>>;
  readonly evidence: Evidence;
  readonly submittedMs: number;
  readonly settledMs: number;
  readonly retries: number;
  readonly slowestMs: number;
  readonly violations: readonly Violation[];
  readonly uncertain: ReadonlySet<string>;
  readonly complaints: Readonly<Record<string, number>>;
  readonly footprints: readonly Footprint[];
}

export function reportOf(findings: Findings): ChaosReport {
  const { seed, kills, evidence, submittedMs, settledMs, retries, slowestMs } = findings;
  const { violations, complaints, footprints } = findings;
  const { jobs, paidCalls } = evidence;
  const seen = jobs.flatMap(({ job }) => (job ? [job] : []));
  return {
    seed,
    jobs: jobs.length,
    byStatus: count(jobs.map(({ job }) => job?.status ?? 'missing')),
    byKind: count(jobs.map(({ planned }) => planned.kind)),
    byError: count(seen.flatMap(({ error }) => (error ? [error.code] : []))),
    kills,
    submittedSeconds: Math.round(submittedMs / 1000),
    settledSeconds: Math.round(settledMs / 1000),
    jobsPerMinute: Math.round((jobs.length * 600_000) / settledMs) / 10,
    attempts: seen.reduce((sum, { attempts }) => sum + attempts.length, 0),
    paidCalls: paidCalls.length,
    uncertain: count(jobs.flatMap((entry) => resolutions(entry, evidence, findings.uncertain))),
    clientRetries: retries,
    slowestAnswerMs: Math.round(slowestMs),
    footprints,
    complaints,
    violations,
  };
}

/** The final state of each attempt that was uncertain, with the ledger's entry for it. */
function resolutions(
  { job, planned }: JobEvidence,
  { paidCalls }: Evidence,
  uncertain: ReadonlySet<string>,
): string[] {
  if (!job) return [];
  const attempts = stageAttempts(job);
  return attempts
    .filter(({ id }) => uncertain.has(id))
    .map(({ id, state, stageIndex }) => {
      const prompt = planned.stages[stageIndex]?.prompt;
      const own = attempts.filter((attempt) => attempt.stageIndex === stageIndex);
      const { callsOf } = matchStage(
        own,
        paidCalls.filter((call) => call.prompt === prompt),
      );
      const [call] = callsOf.get(id) ?? [];
      return `${state} (${planned.kind}); ledger: ${call === undefined ? 'no call' : `${call.kind} ${call.state}`}`;
    });
}

function count(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of words.toSorted()) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}

/** A short table, with every violation at the end. */
export function tableOf(report: ChaosReport): string {
  const { violations, footprints } = report;
  const list = (counts: Readonly<Record<string, number>>): string =>
    Object.entries(counts)
      .map(([word, n]) => `${n} ${word}`)
      .join(', ') || 'none';
  const last = footprints.at(-1);
  const rows: readonly (readonly [string, string])[] = [
    ['seed', String(report.seed)],
    ['jobs', `${report.jobs}: ${list(report.byStatus)}`],
    ['kinds', list(report.byKind)],
    ['errors', list(report.byError)],
    ['kills', list(report.kills)],
    ['time', `${report.submittedSeconds} s with kills, all jobs ended after ${report.settledSeconds} s`],
    ['rate', `${report.jobsPerMinute} jobs per minute`],
    ['attempts', `${report.attempts}, paid calls: ${report.paidCalls}`],
    ...Object.entries(report.uncertain).map(([end, n]) => ['uncertain', `${n} ended as ${end}`] as const),
    ['client', `${report.clientRetries} repeated requests, slowest answer ${report.slowestAnswerMs} ms`],
    [
      'footprint',
      `journals ${last?.journalsMb} MB, cloud ${last?.cloudMb} MB, functions ${last?.functionsMb} MB`,
    ],
    ...RULES.map((rule) => [rule, String(violations.filter((v) => v.rule === rule).length)] as const),
    ...violations.map(({ rule, job, what }) => ['VIOLATION', `${rule}: ${job} ${what}`] as const),
    ...(report.stateDir === undefined ? [] : [['state', `${report.stateDir} (kept)`] as const]),
  ];
  return rows.map(([name, text]) => `${name.padEnd(21)} ${text}`).join('\n');
}
