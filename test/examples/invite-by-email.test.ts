import { expect, it } from 'vitest';
import { Example } from './example.ts';

it('invites an unknown address with one mail, invites the user who binds it, and ends', async () => {
  const example = new Example('invite-by-email', {}, ['npm', 'run', '--silent', 'example:invite-by-email']);
  expect(await example.ended).toBe(0);
  expect(example.stderr).toBe('');
  expect(example.stdout.replace(/(?<=Token: )[\w-]{86}\n/, '…\n')).toBe(`\
Alice invites bob@mail.example, an address that nobody has bound.
The response: 200 {}
An email to bob@mail.example:
@alice:localhost invites you. Token: …
In the room: @alice:localhost: join
In the room: b...@m...: invited by email

Alice invites the address once more, and three times at once.
The response: 200 {}
The response: 200 {}
The response: 200 {}
The response: 200 {}
Emails sent: 1

@bob:localhost binds the address. The identity server tells the homeserver.
In the room: @alice:localhost: join
In the room: b...@m...: invited by email
In the room: @bob:localhost: invite
`);
});
