/** Tokens of whoever runs the verification: Application Default Credentials for Google, an ID token for the deployment. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { GoogleAuth } from 'google-auth-library';

const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]']);
/** A local stack checks no token, but its routes of Google's surfaces want one. It treats this form as its own user. */
const LOCAL_TOKEN = 'ya29.local';
/** ID tokens live for an hour. */
const RENEW_MS = 30 * 60_000;

export function createCredentials(now: () => number) {
  const auth = new GoogleAuth({ scopes: 'https://www.googleapis.com/auth/cloud-platform' });
  let cached: { readonly token: string; readonly at: number } | undefined;
  return {
    /** @throws Error that says how to log in */
    async accessToken(): Promise<string> {
      const token = await auth.getAccessToken().catch((error: unknown) => {
        throw new Error(
          `There are no credentials for Google (${messageOf(error)}). Run: gcloud auth application-default login`,
        );
      });
      if (!token)
        throw new Error('The credentials gave no token. Run: gcloud auth application-default login');
      return token;
    },

    /** For this API. @throws Error that says how to log in */
    async idToken(apiUrl: string): Promise<string> {
      if (LOOPBACK.has(new URL(apiUrl).hostname)) return LOCAL_TOKEN;
      if (!cached || now() - cached.at > RENEW_MS)
        cached = { token: await fetchIdToken(auth, apiUrl), at: now() };
      return cached.token;
    },
  };
}

/** A service account gets a token for the API. A person's comes from gcloud, because their credentials cannot make one. */
async function fetchIdToken(auth: GoogleAuth, apiUrl: string): Promise<string> {
  try {
    const client = await auth.getIdTokenClient(apiUrl);
    return await client.idTokenProvider.fetchIdToken(apiUrl);
  } catch {
    const { stdout } = await promisify(execFile)('gcloud', ['auth', 'print-identity-token']).catch(
      (error: unknown) => {
        throw new Error(
          `There is no ID token for ${apiUrl}: gcloud auth print-identity-token failed (${messageOf(error)}).`,
        );
      },
    );
    return stdout.trim();
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
