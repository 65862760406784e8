/** Signs with a service account's key file instead of IAM, without network calls. */
import { GoogleAuth, JWT } from 'google-auth-library';
import { z } from 'zod';

const keySchema = z.object({ client_email: z.string(), private_key: z.string() });

/** The library signs with the JWT's key, but would read the account's name from a credentials file or from Google. */
class KeySigner extends GoogleAuth<JWT> {
  readonly #email: string;

  constructor(email: string, key: string) {
    super({ authClient: new JWT({ email, key }) });
    this.#email = email;
  }

  override async getCredentials(): Promise<{ client_email: string }> {
    return { client_email: this.#email };
  }
}

/** @param json the content of a service account's key file */
export function createKeySigner(json: string): GoogleAuth<JWT> {
  const { client_email: email, private_key: key } = keySchema.parse(JSON.parse(json));
  return new KeySigner(email, key);
}
