// What a person asked for and cannot have: which of the things said is wrong, and why. The command line prints it, the API
// puts it into a problem document.

export type Refusal = { readonly kind: 'refused'; readonly field: string; readonly problem: string };

export function refused(field: string, problem: string): Refusal {
  return { kind: 'refused', field, problem };
}
