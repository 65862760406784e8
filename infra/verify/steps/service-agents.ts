/** Google's own accounts in the project, and their roles. */
import { z } from 'zod';
import { asAssumed, differs, type FreeStep } from '../step.ts';

const policySchema = z.object({
  bindings: z.array(z.object({ role: z.string(), members: z.array(z.string()).optional() })).optional(),
});

const expected = (number: string): readonly [string, string][] => [
  [`service-${number}@gcp-sa-aiplatform.iam.gserviceaccount.com`, 'roles/aiplatform.serviceAgent'],
  [`service-${number}@gcp-sa-eventarc.iam.gserviceaccount.com`, 'roles/eventarc.serviceAgent'],
  [`service-${number}@gcp-sa-pubsub.iam.gserviceaccount.com`, 'roles/pubsub.serviceAgent'],
  [`service-${number}@gs-project-accounts.iam.gserviceaccount.com`, 'roles/pubsub.publisher'],
];

export const serviceAgents: FreeStep = {
  id: 'service-agents',
  title: "Google's accounts for Vertex AI, Eventarc, Pub/Sub and Cloud Storage have their roles",
  async check({ google, deployment: { project, projectNumber } }) {
    const { bindings = [] } = await google.post(
      'cloudresourcemanager.googleapis.com',
      `/v3/projects/${project}:getIamPolicy`,
      { options: { requestedPolicyVersion: 3 } },
      policySchema,
    );
    const missing = expected(projectNumber).filter(
      ([account, role]) =>
        !bindings.some((each) => each.role === role && each.members?.includes(`serviceAccount:${account}`)),
    );
    return missing.length === 0
      ? asAssumed('4 grants')
      : differs(missing.map(([account, role]) => `${account} lacks ${role}`).join('; '));
  },
};
