// docs/settings.md's list as it must stand between its two marks.
import { SETTINGS, type Setting } from '../../src/platform/settings.ts';

const COLUMNS = 118;

export function settingsList(): string {
  return (Object.entries(SETTINGS) as [string, Setting][]).map(entry => describe(...entry)).join('\n\n');
}

function describe(name: string, setting: Setting): string {
  const head = `- **\`${name}\`** · default: ${setting.default === null ? 'none' : `\`${setting.default}\``}`;
  const secret = setting.secret ? ' · secret' : '';
  return [head + secret, ...wrap(setting.doc), `  Example: \`${setting.example}\``].join('  \n');
}

function wrap(text: string): string[] {
  const lines: string[] = [];
  let line = ' ';
  for (const word of text.split(' ')) {
    if (line.length + 1 + word.length > COLUMNS) {
      lines.push(line);
      line = ' ';
    }
    line += ` ${word}`;
  }
  // Only the last line ends the sentence; those before are one paragraph with it.
  return [[...lines, line].join('\n')];
}
