/** `matchGlob` of a listing: translates `*`, `**`, `?`, character classes and alternatives to a regular expression. */
import { invalid } from './errors.ts';

/** The expression matches a whole object name. Throws 400 for an invalid pattern. */
export function compileGlob(pattern: string): RegExp {
  try {
    return new RegExp(`^${translate(pattern)}$`, 'su');
  } catch {
    throw invalid(`Invalid glob pattern: '${pattern}'.`);
  }
}

function translate(pattern: string): string {
  let out = '';
  let depth = 0;
  for (let i = 0; i < pattern.length; i++) {
    const rest = pattern.slice(i);
    const char = rest.charAt(0);
    // `**/` matches any number of whole folders, including none.
    if (rest.startsWith('**/') && (i === 0 || pattern[i - 1] === '/')) {
      out += '(?:.*/)?';
      i += 2;
    } else if (rest.startsWith('**')) {
      out += '.*';
      i += 1;
    } else if (char === '*') out += '[^/]*';
    else if (char === '?') out += '[^/]';
    else if (char === '[') {
      const set = /^\[([!^]?)((?:\\.|[^\]\\])+)\]/su.exec(rest);
      if (set === null) throw new SyntaxError('unclosed class');
      const [whole, negated, members = ''] = set;
      out += `[${negated === '' ? '' : '^/'}${members.replaceAll(/[[\]^&~|(){}*+?.$/]/g, '\\$&')}]`;
      i += whole.length - 1;
    } else if (char === '{') {
      depth++;
      out += '(?:';
    } else if (char === '}' && depth > 0) {
      depth--;
      out += ')';
    } else if (char === ',' && depth > 0) out += '|';
    else if (char === '\\' && rest.length > 1) {
      out += escapeLiteral(rest.charAt(1));
      i += 1;
    } else out += escapeLiteral(char);
  }
  if (depth > 0) throw new SyntaxError('unclosed alternatives');
  return out;
}

const escapeLiteral = (char: string): string => char.replace(/[\\^$.*+?()[\]{}|/]/, '\\$&');
