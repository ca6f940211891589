// A record to publish, in the two forms in which people publish them: a line of a zone file, and host and value for the
// form of a web panel.

export type DnsRecord = {
  /** Without a last dot. */
  readonly name: string;
  readonly type: 'TXT' | 'MX';
  readonly value: string;
};

/** RFC 1035 section 3.3: one string of a TXT record. */
const MAX_STRING = 255;

/** One line, however long: what is copied out of a terminal must not have line ends in it. */
export function zoneLine({ name, type, value }: DnsRecord): string {
  return `${name}. 3600 IN ${type} ${type === 'TXT' ? quotedStrings(value) : `${value}.`}`;
}

/** Panels put the zone's name behind the host themselves; `@` is the zone. They split long values. */
export function panelForm(record: DnsRecord, zone: string): { host: string; value: string } {
  const { name, value } = record;
  const host = name === zone ? '@' : name.endsWith(`.${zone}`) ? name.slice(0, -zone.length - 1) : name;
  return { host, value };
}

function quotedStrings(value: string): string {
  const strings = value.match(new RegExp(`.{1,${MAX_STRING}}`, 'gs')) ?? [''];
  return strings.map(text => `"${text.replace(/["\\]/g, '\\$&')}"`).join(' ');
}
