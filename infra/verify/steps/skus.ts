/** Google's list prices, for a person to compare with the catalogue. */
import { z } from 'zod';
import { allPages } from '../google.ts';
import { type Context, compare, type FreeStep, unknown } from '../step.ts';

const servicesSchema = z.object({
  services: z.array(z.object({ name: z.string(), displayName: z.string() })).optional(),
  nextPageToken: z.string().optional(),
});
const skusSchema = z.object({
  skus: z
    .array(
      z.object({
        description: z.string(),
        pricingInfo: z
          .array(
            z.object({
              pricingExpression: z.object({
                usageUnitDescription: z.string().optional(),
                tieredRates: z
                  .array(
                    z.object({
                      unitPrice: z.object({
                        units: z.coerce.number().default(0),
                        nanos: z.number().default(0),
                      }),
                    }),
                  )
                  .optional(),
              }),
            }),
          )
          .optional(),
      }),
    )
    .optional(),
  nextPageToken: z.string().optional(),
});

const HOST = 'cloudbilling.googleapis.com';
/** Vertex AI has had two names. */
const SERVICE = /vertex ai|agent platform|gemini api/i;
const SKU = /\bveo\b|\bomni\b|imagen|nano banana|gemini.*image/i;

/** Entries in the report. There is one for each model, size and region group. */
const SHOWN = 60;

export const prices: FreeStep = {
  id: 'prices',
  title: "Google's list has the prices of the catalogue",
  async check(context) {
    const services = (
      await allPages(
        context.google,
        HOST,
        '/v1/services?pageSize=5000',
        servicesSchema,
        (page) => page.services,
      )
    ).filter(({ displayName }) => SERVICE.test(displayName));
    const found: { text: string; usd: number }[] = [];
    for (const { name } of services) {
      const skus = await allPages(
        context.google,
        HOST,
        `/v1/${name}/skus?currencyCode=USD&pageSize=5000`,
        skusSchema,
        (page) => page.skus,
      );
      for (const { description, pricingInfo } of skus.filter((sku) => SKU.test(sku.description))) {
        const expression = pricingInfo?.at(-1)?.pricingExpression;
        const price = expression?.tieredRates?.at(-1)?.unitPrice;
        const usd = (price?.units ?? 0) + (price?.nanos ?? 0) / 1e9;
        found.push({
          text: `${description}: $${usd} per ${expression?.usageUnitDescription ?? 'unit'}`,
          usd,
        });
      }
    }
    if (found.length === 0)
      return unknown(
        `No price of a video or image model in ${services.map(({ displayName }) => displayName).join(', ') || 'any service'}.`,
      );
    const absent = (await veoPrices(context)).filter(
      ({ usd }) => !found.some((sku) => Math.abs(sku.usd - usd) < 1e-6),
    );
    const more = found.length > SHOWN ? `; and ${found.length - SHOWN} more` : '';
    return compare(
      `${found
        .slice(0, SHOWN)
        .map(({ text }) => text)
        .join('; ')}${more}. ` +
        `No entry has these prices of the catalogue: ${absent.map(({ text }) => text).join(', ') || 'none'}`,
    );
  },
};

/** Omni is billed by tokens, so its prices per second are in no list. */
async function veoPrices({ api }: Context): Promise<{ text: string; usd: number }[]> {
  return (await api.models()).models
    .filter(({ provider, stage }) => provider === 'vertex' && stage !== 'retired')
    .flatMap(({ model, pricePerSecondUsd = {} }) =>
      Object.entries(pricePerSecondUsd).flatMap(([resolution, { withAudio, silent }]) => [
        { text: `${model} ${resolution} $${withAudio}`, usd: withAudio },
        { text: `${model} ${resolution} silent $${silent}`, usd: silent },
      ]),
    );
}
