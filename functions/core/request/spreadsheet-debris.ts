/**
 * Text that a spreadsheet leaves in a cell instead of a value: an error value, or a formula. A video made from it would be
 * paid for and useless.
 */
import type { FieldError } from '../problem.ts';
import { fieldOf, shown } from '../shown.ts';

/**
 * Error values of Excel, Google Sheets and LibreOffice, in English and in the languages in which they translate them.
 * A list and not a pattern, because `#wow!` is a valid text.
 */
const ERROR_VALUES: ReadonlySet<string> = new Set(
  `
  #REF! #N/A #NAME? #VALUE! #DIV/0! #NUM! #NULL! #SPILL! #CALC! #GETTING_DATA #FIELD! #BLOCKED! #CONNECT! #UNKNOWN!
  #BUSY! #PYTHON! #EXTERNAL! #CIRC! #TIMEOUT! #ERROR! #MACRO?
  #BEZUG! #NV #WERT! #ZAHL! #ÜBERLAUF! #KALK! #FELD! #BLOCKIERT! #VERBINDEN! #UNBEKANNT! #FEHLER!
  #VALEUR! #NOM? #NOMBRE! #NUL! #PROPAGATION! #EPARS! #CHAMP! #BLOQUÉ! #ERREUR!
  #¡REF! #¿NOMBRE? #¡VALOR! #¡DIV/0! #¡NUM! #¡NULO! #¡DESBORDAMIENTO! #¡CALC! #¡CAMPO!
  #RIF! #VALORE! #NOME? #N/D #N/DISP #ESPANSIONE! #ERRORE!
  #VALOR! #NÚM! #NULO! #DESPEJAR! #ERRO!
  #VERW! #WAARDE! #NAAM? #GETAL! #LEEG! #NB #N/B #DEEL/0! #OVERLOOP! #FOUT!
  #ADR! #ARG! #LICZBA! #N/D! #NAZWA? #ZERO! #ROZLANIE! #BŁĄD!
  #REFERENS! #VÄRDEFEL! #NAMN? #OGILTIGT! #SAKNAS! #SKÄRNING! #DIVISION/0! #FEL!
  #VERDI! #NAVN? #TOM! #VÆRDI! #REFERENCE! #I/T #I/T!
  #ССЫЛКА! #ЗНАЧ! #ИМЯ? #ЧИСЛО! #ПУСТО! #Н/Д #ДЕЛ/0! #ПЕРЕНОС! #ОШИБКА!
  #BAŞV! #DEĞER! #AD? #SAYI! #BOŞ! #YOK #SAYI/0! #TAŞMA!
  #HODNOTA! #ODKAZ! #NÁZEV? #ČÍSLO! #NENÍ_K_DISPOZICI #DĚLENÍ_NULOU!
  #HIV! #ÉRTÉK! #NÉV? #SZÁM! #HIÁNYZIK #NULLA! #ZÉRÓOSZTÓ!
  #VIITTAUS! #ARVO! #NIMI? #LUKU! #PUUTTUU! #TYHJÄ! #JAKO/0!
  `
    .trim()
    .split(/\s+/),
);

/** Written by a sheet that was exported before its formulas were computed. */
const LOADING =
  /^(?:loading|wird geladen|chargement|chargement en cours|cargando|caricamento|carregando|laden|загрузка|読み込んでいます|正在加载)(?:\.{2,3}|…)$/iu;

/** LibreOffice's numbered errors, and Bloomberg's `#N/A N/A` and `#N/A Requesting Data...`. */
const OTHER_ERRORS = /^(?:err:\d{3}|#n\/a [a-z./ ]+)$/i;

/** A number or date in a column that is too narrow to display it. */
const TOO_NARROW = /^#{3,}$/;

/** An `=` that an expression follows, or a function's name and its bracket after `=`, `+`, `-` or `@`. */
const FORMULA = /^(?:=["'$[{#@(+\-\p{L}\p{N}_\\]|= *[\p{L}_][\p{L}\p{N}_.]* *\(|[+\-@][A-Z]{2}[A-Z0-9.]*\()/u;

/** Longer than every error value. */
const ERROR_CHARACTERS_MAX = 60;

/** Spreadsheets that export formulas, and programs that disarm them, put these before the formula. */
const BEFORE_FORMULA = /^(?:'(?=[=＝+\-@])|\{(?=[=＝]))/u;

/** What pandas, JavaScript and databases write for a missing value. In this spelling they are not words of a prompt. */
const MISSING_VALUES: ReadonlySet<string> = new Set([
  ...['NaN', '<NA>', 'NaT', 'undefined', '[object Object]', '\\N'],
]);

/** These are words in other fields: a negative prompt may be `none`. */
const NO_PROMPTS = /^(?:nan|nat|none|null|nil|na|n\/a|\(null\)|<null>|<none>)$/i;
/** A line below the header of a text table, or a mark for "nothing". */
const NO_WORDS = /^[\p{P}\s=+|~^`<>]+$/u;
/** What database clients write below a table. */
const ROW_COUNT = /^\(\d+ rows?(?: affected)?\)$/i;

const NOT_A_PROMPT = 'which is not a prompt; write the prompt itself';

/** Why the text is not a prompt, as the end of a sentence. */
function noPromptOf(text: string): string | undefined {
  if (text.length > ERROR_CHARACTERS_MAX) return undefined;
  const value = text.trim();
  return value !== '' && [NO_PROMPTS, NO_WORDS, ROW_COUNT].some((pattern) => pattern.test(value))
    ? NOT_A_PROMPT
    : undefined;
}

/** Labels and variables may have any name. */
const isPrompt = (path: readonly string[]): boolean =>
  path.at(-1) === 'prompt' && path[0] !== 'labels' && path[0] !== 'variables';

/** The texts in the value that a spreadsheet or another program left there. `path` is where the value is. */
export function debrisErrors(path: readonly string[], value: unknown): FieldError[] {
  if (typeof value === 'string') {
    const debris = debrisOf(value) ?? (isPrompt(path) ? noPromptOf(value) : undefined);
    return debris === undefined ? [] : [{ field: fieldOf(path), detail: `is ${shown(value)}, ${debris}.` }];
  }
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([part, inner]) => debrisErrors([...path, part], inner));
}

/** What is wrong with the text and what to do, as the end of a sentence; undefined for any other text. */
export function debrisOf(text: string): string | undefined {
  if (text.length <= ERROR_CHARACTERS_MAX) {
    const value = text.trim();
    if (TOO_NARROW.test(value))
      return 'which a spreadsheet writes where a column is too narrow; widen the column and export the sheet again';
    if (LOADING.test(value))
      return 'which a spreadsheet writes before a formula is computed; wait for it and export the sheet again';
    if (ERROR_VALUES.has(value.toLocaleUpperCase('en-US')) || OTHER_ERRORS.test(value))
      return 'which is an error value of a spreadsheet; correct the formula and export the sheet again';
  }
  if (MISSING_VALUES.has(text.trim()))
    return 'which a program writes for a missing value; give the value, or leave the cell empty';
  const start = text.slice(0, 2 * ERROR_CHARACTERS_MAX).trimStart();
  return FORMULA.test(start.replace(BEFORE_FORMULA, '').replace(/^＝/u, '='))
    ? 'which is the text of a formula; export the values of the sheet, not its formulas'
    : undefined;
}
