/** HTML to lines of text, one pass: tags out, blocks to line ends, common entities undone. For reading, not
 * for showing. Text that is only said to be HTML (Yahoo does) keeps its lines. */

const blocks = new Set([
  'br',
  'p',
  'div',
  'tr',
  'table',
  'li',
  'ul',
  'h1',
  'h2',
  'h3',
  'h4',
  'hr',
  'pre',
  'td',
  'blockquote',
  'title',
  'body',
  'head',
]);
const hidden = new Set(['style', 'script']);

const entities: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
  '#39': "'",
  '#8217': "'",
  '#64': '@',
  '#160': ' ',
};

export function htmlText(html: string): string {
  if (!/<[a-z!/]/i.test(html)) return html;
  const pieces: string[] = [];
  const lower = html.toLowerCase();
  let at = 0;
  for (;;) {
    const open = html.indexOf('<', at);
    pieces.push(undoEntities(html.slice(at, open === -1 ? undefined : open).replaceAll('\n', ' ')));
    if (open === -1) return pieces.join('');
    const close = html.indexOf('>', open);
    if (close === -1) return pieces.join('');
    const name = tagName(html, open + 1, close);
    if (blocks.has(name)) pieces.push('\n');
    at = hidden.has(name) && html[open + 1] !== '/' ? endOfElement(lower, close, name) : close + 1;
  }
}

function tagName(html: string, from: number, to: number): string {
  const start = html[from] === '/' ? from + 1 : from;
  let end = start;
  while (end < to && end < start + 12 && /[a-z0-9]/i.test(html[end]!)) end++;
  return html.slice(start, end).toLowerCase();
}

function endOfElement(html: string, from: number, name: string): number {
  const end = html.indexOf(`</${name}`, from);
  return end === -1 ? html.length : end;
}

function undoEntities(text: string): string {
  let amp = text.indexOf('&');
  if (amp === -1) return text;
  let result = '';
  let at = 0;
  while (amp !== -1) {
    const end = text.indexOf(';', amp);
    const found = end !== -1 && end - amp < 10 ? entities[text.slice(amp + 1, end).toLowerCase()] : undefined;
    result += text.slice(at, amp) + (found ?? '&');
    at = found === undefined ? amp + 1 : end + 1;
    amp = end === -1 ? -1 : text.indexOf('&', at);
  }
  return result + text.slice(at);
}
