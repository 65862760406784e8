/**
 * Text without anything to see: Unicode's white space, next line (U+0085), braille blank (U+2800), and the characters that
 * Unicode renders as nothing, such as zero width spaces and byte order marks.
 */
const BLANK = /^[\s\u0085\u2800\p{Default_Ignorable_Code_Point}]*$/u;

export const isBlank = (text: string): boolean => BLANK.test(text);
