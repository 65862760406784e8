/** What Google's logs show of the deployment: schedules, events, webhooks, and who writes the videos. */
import { asAssumed, compare, differs, doesNotApply, eventually, type FreeStep, unknown } from '../step.ts';
import { logEntries } from './monitoring.ts';

const MINUTE = 60_000;
/** Log entries arrive within seconds, usually. */
const LOG_DELAY_MS = 2 * MINUTE;

const requestsOf = (service: string): string =>
  `resource.type="cloud_run_revision" AND resource.labels.service_name="${service}" AND httpRequest.status:*`;

export const sweep: FreeStep = {
  id: 'sweep',
  title: "Cloud Scheduler reaches the sweep with the tasks account's token",
  async check(context) {
    const entries = await logEntries(context, requestsOf(`${context.deployment.name}-sweep`), 10 * MINUTE);
    const statuses = entries.map(({ httpRequest }) => httpRequest?.status ?? 0);
    const seen = `the newest requests of the last 10 minutes: ${statuses.join(', ') || 'none'}`;
    return statuses.some((status) => status >= 200 && status < 300) ? asAssumed(seen) : differs(seen);
  },
};

export const landedEvent: FreeStep = {
  id: 'landed-event',
  title: 'Eventarc delivers the event of a video in the output bucket',
  after: 'first-video',
  async check(context) {
    const filter = requestsOf(`${context.deployment.name}-landed`);
    const entries = await eventually(context, LOG_DELAY_MS, async () => {
      const found = await logEntries(context, filter, 60 * MINUTE);
      return found.length > 0 ? found : undefined;
    });
    if (!entries) return differs('no request to the function landed in the last hour');
    const statuses = entries.map(({ httpRequest }) => httpRequest?.status ?? 0);
    return statuses.some((status) => status >= 200 && status < 300)
      ? asAssumed(`answers: ${statuses.join(', ')}`)
      : differs(`answers: ${statuses.join(', ')}`);
  },
};

const accessOf = (method: string, bucket: string, object: string): string =>
  `protoPayload.methodName="${method}" AND protoPayload.resourceName:"projects/_/buckets/${bucket}/objects/${object}"`;

const AUDIT_LOG =
  'Data access logs of Cloud Storage seem to be off. Switch DATA_READ and DATA_WRITE on for storage.googleapis.com ' +
  '(IAM & Admin, Audit Logs), wait a minute, and run this again.';

export const storageWriter: FreeStep = {
  id: 'storage-writer',
  title: 'Which account writes the videos at storageUri',
  after: 'first-video',
  async check(context) {
    const bucket = context.deployment.environment['CLAPPER_OUTPUT_BUCKET'] ?? '';
    const uri = context.jobs.get('first-video')?.videos?.[0]?.uri ?? '';
    const object = uri.replace(`gs://${bucket}/`, '');
    const entries = await eventually(context, LOG_DELAY_MS, async () => {
      const found = await logEntries(
        context,
        accessOf('storage.objects.create', bucket, object),
        60 * MINUTE,
      );
      return found.length > 0 ? found : undefined;
    });
    const writers = (entries ?? []).map(
      ({ protoPayload }) => protoPayload?.authenticationInfo?.principalEmail ?? 'no address',
    );
    return entries ? compare(`written by ${[...new Set(writers)].join(', ')}`) : unknown(AUDIT_LOG);
  },
};

export const inputReader: FreeStep = {
  id: 'input-reader',
  title: 'Which account reads the gs:// images of a request',
  after: 'last-frame-lite',
  async check(context) {
    const bucket = context.deployment.environment['CLAPPER_INPUT_BUCKET'] ?? '';
    const job = context.jobs.get('last-frame-lite')?.id ?? '';
    const entries = await eventually(context, LOG_DELAY_MS, async () => {
      const found = await logEntries(
        context,
        accessOf('storage.objects.get', bucket, `jobs/${job}/`),
        60 * MINUTE,
      );
      return found.length > 0 ? found : undefined;
    });
    const readers = (entries ?? []).map(
      ({ protoPayload }) => protoPayload?.authenticationInfo?.principalEmail ?? 'no address',
    );
    return entries ? compare(`read by ${[...new Set(readers)].join(', ')}`) : unknown(AUDIT_LOG);
  },
};

export const omniWebhook: FreeStep = {
  id: 'omni-webhook',
  title: 'The Gemini API calls the webhook of an Omni job',
  after: 'omni-references',
  async check(context) {
    const { environment, name } = context.deployment;
    if (environment['CLAPPER_PROVIDER_WEBHOOK_URL'] === undefined)
      return doesNotApply('provider_webhook_url is not set');
    const filter = `resource.type="cloud_run_revision" AND resource.labels.service_name=~"^${name}-(api|keys)$" AND httpRequest.requestUrl:"/v1/provider-events"`;
    const entries = await eventually(context, LOG_DELAY_MS, async () => {
      const found = await logEntries(context, filter, 60 * MINUTE);
      return found.length > 0 ? found : undefined;
    });
    if (!entries) return differs('no call of /v1/provider-events in the last hour');
    const statuses = entries.map(({ httpRequest }) => httpRequest?.status ?? 0);
    return statuses.some((status) => status >= 200 && status < 300)
      ? asAssumed(`answers: ${statuses.join(', ')}`)
      : differs(`answers: ${statuses.join(', ')}`);
  },
};
