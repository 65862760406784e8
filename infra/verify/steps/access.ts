/** Who may call the API. */
import { asAssumed, differs, type Finding, type FreeStep } from '../step.ts';

export const access: FreeStep = {
  id: 'access',
  title:
    'Cloud Run refuses calls without a token and with a forged one, and the API reads the token of a caller',
  async check({ api, fetch }): Promise<Finding> {
    const statusOf = async (headers: Record<string, string>): Promise<number> => {
      const response = await fetch(`${api.url}/v1/jobs?pageSize=1`, { headers, redirect: 'manual' });
      await response.body?.cancel();
      return response.status;
    };
    const [without, forged] = [await statusOf({}), await statusOf({ authorization: `Bearer ${FORGED}` })];
    const own = await api.send('/v1/jobs?pageSize=1');
    await own.body?.cancel();
    const seen = `without a token ${without}, with a forged token ${forged}, with yours ${own.status}`;
    const isRefused = (status: number): boolean => status === 401 || status === 403;
    return isRefused(without) && isRefused(forged) && own.status === 200 ? asAssumed(seen) : differs(seen);
  },
};

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
/** The claims of a Google-signed token, with an invalid signature. */
const FORGED = [
  part({ alg: 'RS256', typ: 'JWT' }),
  part({ iss: 'https://accounts.google.com', email: 'nobody@example.com', email_verified: true, sub: '1' }),
  Buffer.alloc(256).toString('base64url'),
].join('.');
