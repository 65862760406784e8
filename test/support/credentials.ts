import { writeFileSync } from 'node:fs';
import path from 'node:path';

/** Writes a credentials file that makes Google's auth library use this token server. @returns the file's path */
export function credentialsFor(dir: string, tokenUrl: string): string {
  const subject = path.join(dir, 'subject');
  const file = path.join(dir, 'credentials.json');
  writeFileSync(subject, 'test');
  writeFileSync(
    file,
    JSON.stringify({
      type: 'external_account',
      audience: '//iam.googleapis.com/projects/0/locations/global/workloadIdentityPools/test/providers/test',
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      token_url: tokenUrl,
      credential_source: { file: subject },
    }),
  );
  return file;
}
