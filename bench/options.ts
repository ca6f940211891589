// How the values on the command lines of `main.ts` and `crash.ts` are read.
import { InvalidArgumentError } from 'commander';

export function list(value: string): string[] {
  return value.split(',').map(name => name.trim());
}

export function count(value: string): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1) throw new InvalidArgumentError('a whole number above 0, please');
  return number;
}

export function setting(value: string, earlier: Record<string, string>): Record<string, string> {
  const [name, ...rest] = value.split('=');
  if (!name || rest.length === 0) throw new InvalidArgumentError('like POSTERN_WORKERS=2, please');
  return { ...earlier, [name]: rest.join('=') };
}
