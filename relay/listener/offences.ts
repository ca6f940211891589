// What a session has done wrong so far, and what that costs it: replies that come later and later, then the end
// (THREATS 6 and 16). A person who mistypes never notices; a script that tries things pays.

export type Price = {
  /** How long the reply waits, in units of the session's patience. */
  readonly waits: number;
  /** Instead of the reply, and the last thing that is said. */
  readonly end: string | null;
};

/** Syntax errors, unknown commands, commands out of order: beyond these it is no mail client that is talking. */
const FREE_ERRORS = 5;
const MAX_ERRORS = 20;
const FREE_FAILED_LOGINS = 2;
const MAX_FAILED_LOGINS = 5;

const NOTHING: Price = { waits: 0, end: null };

export class Offences {
  #errors = 0;
  #failedLogins = 0;

  /** What the reply with this code costs. */
  note(code: number): Price {
    if (isFailedLogin(code)) return this.#priceOfLogin();
    return isError(code) ? this.#priceOfError() : NOTHING;
  }

  /** After a message; failed logins stay. */
  forgiveErrors(): void {
    this.#errors = 0;
  }

  #priceOfLogin(): Price {
    this.#failedLogins += 1;
    const end = this.#failedLogins >= MAX_FAILED_LOGINS ? 'Too many failed logins' : null;
    return { waits: Math.max(0, this.#failedLogins - FREE_FAILED_LOGINS), end };
  }

  #priceOfError(): Price {
    this.#errors += 1;
    return { waits: this.#errors > FREE_ERRORS ? 1 : 0, end: this.#errors >= MAX_ERRORS ? 'Too many errors' : null };
  }
}

/** 454 is what whoever guesses too much is told; whoever meets a database that is away loses nothing by coming again. */
function isFailedLogin(code: number): boolean {
  return code === 535 || code === 454;
}

function isError(code: number): boolean {
  return (code >= 500 && code <= 504) || code === 530 || code === 538 || code === 555;
}
