import { expect, it } from 'vitest';
import { Example } from './example.ts';

it('sends one email of its own, invites the user who confirms the address, and ends', async () => {
  const command = ['npm', 'run', '--silent', 'example:own-invitation-emails'] as const;
  const example = new Example('own-invitation-emails', {}, command);
  expect(await example.ended).toBe(0);
  // The log line of the request that failed.
  expect(example.stderr).toContain('InviteNotSentError');
  expect(example.stderr).not.toContain('mail.example');
  expect(example.stdout.replace(/(?<=code: )\w{32}\n/, '…\n')).toBe(`\
Alice invites bob@mail.example, while the mail server is down.
The response: 502 {"errcode":"M_UNKNOWN","error":"The address could not be looked up or invited"}

The mail server is up. Alice invites the address again, and then twice at once.
The response: 200 {}
The response: 200 {}
The response: 200 {}
An email to bob@mail.example:
@alice:localhost invites you to lobby.
Sign up at https://example.org, and enter this code: …
In !lobby:localhost: @alice:localhost: join
In !lobby:localhost: b…@m…: invited by email

@bob:localhost signs up, and enters the code.
The response: 200 {"confirmed":true}
In !lobby:localhost: @alice:localhost: join
In !lobby:localhost: @bob:localhost: invite

Alice invites bob@mail.example to another room. Now the app knows whose it is.
The response: 200 {}
In !garden:localhost: @alice:localhost: join
In !garden:localhost: @bob:localhost: invite
Emails sent: 1
`);
});
