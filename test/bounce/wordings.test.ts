import { expect, test } from 'vitest';
import { explainReport } from '../../bounce/index.ts';

/** Reports in words of no known family: whom they are about is still told, and nobody else is named. */
const wordings: readonly string[] = [
  `here is your list of failed recipients\n\n<bob@e.net>\n\nhere is your returned mail\nReceived: x\n`,
  `Message from InterScan E-Mail VirusWall NT\n\n** No virus found in attached file\n\nSent >>> RCPT TO: <bob@e.net>\nReceived <<< 550 <bob@e.net>... Recipient unknown\n\nUnable to deliver message to <bob@e.net>.\n***** End of message\n`,
  `Failed addresses follow:\n\n|------------------------- Failed addresses follow: ---------------------|\n <bob@e.net> ... unknown host\n|------------------------- Message text follows: ------------------------|\nReceived: x\nTo: other@z.org`,
  `The following addresses did NOT receive a copy of your message:\n\n> bob@e.net\n\n--- Session Transcript ---\n 550 no\n`,
  `Intended recipient: <bob@e.net>\n\n--------RETURNED MAIL FOLLOWS--------\nTo: z@z.org`,
  `Undeliverable Address: bob@e.net\n\nOriginal message attached\n`,
  `The email below could not be delivered to the following user:\n\n<bob@e.net>\n\nOld message:\nTo: other@q.org\n`,
  `The user(s) account is temporarily over quota.\n\n<bob@e.net>\n`,
  `The following recipients did not receive this message:\n\n   bob@e.net\n\nPlease reply to postmaster@gw.example`,
  `The following message to <bob@e.net> was undeliverable.\nThe reason for the problem:\n5.1.0 - Unknown address error 550-'5.1.1 <bob@e.net>... User unknown'\n`,
  `A message could not be delivered to:\n\nbob@e.net\n\nSubject: x\n`,
  `Your message was not delivered to the following:\n\n bob@e.net\n\nReason: mailbox full`,
  `Error-for:  bob@e.net  <Bob>\nUser not found.\n`,
  `Your message could not be delivered: bob@e.net`,
  `Unable to deliver mail to bob@e.net: host unknown`,
  `Your message to bob@e.net was considered unsolicited bulk e-mail (spam) and was not delivered.\n`,
  `Your message cannot be delivered to the following recipients:\n\n  Recipient address: bob@e.net\n  Reason: Illegal host/domain name found\n`,
  `?EIAMNA Invalid receiver address: bob@e.net\n`,
  `The mailbox bob@e.net is restricted.\nThis message has not been delivered.`,
  `Sorry. Your message could not be delivered to:\n\nbob (mailbox or Conference is full.)\nbob@e.net\n`,
  `Receiver not found: bob@e.net`,
  `Your mail to 'bob@e.net' with the subject hi failed: unknown recipient\nContact admin@gw.example for help.`,
  `Delivery failed for the following recipients(s):\n  bob@e.net\n    Mailbox does not exist\n`,
  `Cannot deliver mail to bob@e.net.\n\nThe text you sent was:\nTo: cc@q.org, dd@q.org\n`,
  `Message: 4711\nFrom: me@x.org\nTo: bob@e.net\nhas been rejected: no such mailbox\n`,
  `Ihre Nachricht an bob@e.net konnte nicht zugestellt werden. Grund: Postfach voll.\nFragen an hilfe@gw.example`,
  `Il messaggio non è stato recapitato a bob@e.net perché la casella è piena.`,
  `Votre message n'a pas pu être délivré à l'adresse bob@e.net : utilisateur inconnu.`,
  `El mensaje para bob@e.net no se pudo entregar: usuario desconocido`,
  `A sua mensagem não foi entregue a bob@e.net : caixa postal cheia`,
  `宛先 bob@e.net は存在しません。メールを配信できませんでした。`,
  `您的邮件无法投递到 bob@e.net ，原因：用户不存在。`,
  `Сообщение для bob@e.net не доставлено: нет такого пользователя`,
];

const header = 'From: postmaster@gw.example\nTo: list-bounces@x.org\nSubject: Undeliverable mail\n\n';

test.each(wordings.map(text => [text.slice(0, 60).replaceAll('\n', ' | '), text] as const))('%s', (_, text) => {
  expect(explainReport(Buffer.from(header + text)).results.map(one => one.recipient)).toEqual(['bob@e.net']);
});
