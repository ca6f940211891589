import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { relaxedField, selectSignedFields } from '../../../relay/signing/signed-fields.ts';
import { scanHeader } from '../../../src/mail/header.ts';

const select = (header: string, unsigned: string[] = []) =>
  selectSignedFields([Buffer.from(header, 'latin1')], new Set(unsigned));
const ABSENT = ['From', 'Reply-To', 'Subject', 'Date', 'To', 'Cc', 'Message-ID'];

describe('RFC 6376 section 3.4.2: a relaxed field', () => {
  it.each([
    ['A: X\r\n', 'a:X'],
    ['B : Y\t\r\n\tZ  \r\n', 'b:Y Z'],
    ['SUBJECT:AbC\r\n', 'subject:AbC'],
    ['Subject:   a   b\t\tc\r\n', 'subject:a b c'],
    ['Subject:\r\n folded at once\r\n', 'subject:folded at once'],
    ['Subject: a\r\n \r\n b\r\n', 'subject:a b'],
    ['Subject:\r\n', 'subject:'],
    ['Subject: \t \r\n', 'subject:'],
    ['Subject: a:b : c\r\n', 'subject:a:b : c'],
    ['Subject: \xa0a\xa0\r\n', 'subject:\xa0a\xa0'],
    ['Subject: \xc3\xa9\r\n', 'subject:\xc3\xa9'],
    ['Subject: no line end', 'subject:no line end'],
  ])('%j is %j', (header, canonical) => {
    const bytes = Buffer.from(header, 'latin1');
    expect(relaxedField(bytes, scanHeader(bytes).fields[0]!)).toBe(canonical);
  });

  it('is itself when relaxed again, and has no run of white space', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[ \ta-c\xa0]*$/), value => {
        const relax = (text: string) => {
          const bytes = Buffer.from(text, 'latin1');
          return relaxedField(bytes, scanHeader(bytes).fields[0]!);
        };
        const once = relax(`Subject:${value}\r\n`);
        expect(relax(`${once}\r\n`)).toBe(once);
        expect(once).not.toMatch(/[ \t]{2}|\t| $|: /);
      }),
    );
  });
});

describe('the fields that are signed', () => {
  it('are named once more than they occur, when readers show them', () => {
    expect(select('From: a@x\r\nTo: b@x\r\nSubject: s\r\n').names).toEqual([
      ...['From', 'From', 'Reply-To', 'Subject', 'Subject', 'Date', 'To', 'To', 'Cc', 'Message-ID'],
    ]);
    expect(select('').names).toEqual(ABSENT);
  });

  it('that upstreams add are left room for', () => {
    expect(select('MIME-Version: 1.0\r\nContent-Type: text/plain\r\n').names).toEqual([
      ...ABSENT,
      ...['MIME-Version', 'MIME-Version', 'Content-Type', 'Content-Type'],
    ]);
    expect(select('List-Unsubscribe: <https://x>\r\nReferences: <a@b>\r\n').names).toEqual([
      ...ABSENT,
      ...['References', 'List-Unsubscribe'],
    ]);
  });

  it('go from the lowest up, over all pieces (section 5.4.2)', () => {
    const pieces = ['To: first@x\r\n', 'to: second@x\r\nX-Other: y\r\nTO: third@x\r\n'].map(text => Buffer.from(text));
    expect(selectSignedFields(pieces, new Set()).canonical).toBe('to:third@x\r\nto:second@x\r\nto:first@x\r\n');
  });

  it('are not those that an upstream rewrites, nor those on a message’s way', () => {
    const header =
      'Received: x\r\nReturn-Path: <a@x>\r\nBcc: c@x\r\nDKIM-Signature: v=1\r\nDate: d\r\nMessage-ID: <m>\r\n';
    expect(select(header, ['date', 'message-id'])).toEqual({
      names: ['From', 'Reply-To', 'Subject', 'To', 'Cc'],
      canonical: '',
    });
  });

  it('end with the header: a line that is no field ends it', () => {
    expect(select('To: a@x\r\n\r\nSubject: in the body\r\n').canonical).toBe('to:a@x\r\n');
    expect(select('To: a@x\r\nno field\r\nSubject: s\r\n').canonical).toBe('to:a@x\r\n');
  });
});
