import path from 'node:path';
import { expect, it } from 'vitest';
import { makePlan } from '../../infra/stack/plan.ts';
import { temporaryDir } from '../support/temporary-dir.ts';

const dir = temporaryDir();

it('a state folder with jobs of the real models is refused for the simulated models, which would lose them', async () => {
  const real = path.join(dir, 'real');
  const key = 'a-key';
  expect(await makePlan({ stateDir: real, apiPort: 0, geminiApiKey: key })).toMatchObject({ speedUp: 1 });
  await expect(makePlan({ stateDir: real, apiPort: 0 })).rejects.toThrow(
    'GEMINI_API_KEY and run npm run generate -- --job ID',
  );
  expect(await makePlan({ stateDir: real, apiPort: 0, geminiApiKey: key })).toMatchObject({
    geminiApiKey: key,
  });
  const simulated = path.join(dir, 'simulated');
  for (let run = 0; run < 2; run++)
    expect(await makePlan({ stateDir: simulated, apiPort: 0 })).toMatchObject({ geminiApiKey: undefined });
});
