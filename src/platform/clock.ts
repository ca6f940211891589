/** Milliseconds since 1970. Passed in wherever a decision needs the time, so that tests move it by hand. */
export type Clock = () => number;

export const systemClock: Clock = () => Date.now();
