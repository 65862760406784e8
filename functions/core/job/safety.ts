/** Support codes of Google's safety filters, as its responsible-AI page groups them (read 2026-11). */

const CATEGORY_OF_CODE: Readonly<Record<string, string>> = {
  58061214: 'child',
  17301594: 'child',
  29310472: 'celebrity',
  15236754: 'celebrity',
  64151117: 'video safety',
  42237218: 'video safety',
  62263041: 'dangerous',
  57734940: 'hate',
  22137204: 'hate',
  74803281: 'other',
  29578790: 'other',
  42876398: 'other',
  89371032: 'prohibited',
  49114662: 'prohibited',
  63429089: 'prohibited',
  72817394: 'prohibited',
  60599140: 'prohibited',
  35561574: 'third-party content',
  35561575: 'third-party content',
  90789179: 'sexual',
  43188360: 'sexual',
  78610348: 'toxic',
  61493863: 'violence',
  56562880: 'violence',
  32635315: 'vulgar',
  39322892: 'people',
  92201652: 'personal data',
};

const SUPPORT_CODES = /support codes?:\s*([\d,\s]+)/gi;

/** The categories of the support codes in these texts, without duplicates. An unknown code has the category `unlisted`. */
export function categoriesOf(texts: readonly string[]): string[] {
  const categories = new Set<string>();
  for (const text of texts) {
    for (const [, codes = ''] of text.matchAll(SUPPORT_CODES)) {
      for (const code of codes.split(/[\s,]+/)) {
        if (code !== '') categories.add(CATEGORY_OF_CODE[code] ?? 'unlisted');
      }
    }
  }
  return [...categories];
}
