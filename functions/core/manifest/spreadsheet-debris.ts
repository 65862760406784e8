/**
 * Text that a spreadsheet leaves in a cell instead of a value: an error value, or a formula. A video made from it would be
 * paid for and useless.
 */

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
  return FORMULA.test(text.slice(0, 2 * ERROR_CHARACTERS_MAX).trimStart())
    ? 'which is the text of a formula; export the values of the sheet, not its formulas'
    : undefined;
}
