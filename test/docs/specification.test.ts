import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { pages, ROOT } from './pages.ts';

/** The version of the specification that the code and docs link to. */
const SPECIFICATION = 'https://spec.matrix.org/v1.18';

/** The sections of that version that links may point to, by page. */
const SECTIONS: Readonly<Record<string, readonly string[]>> = {
  'application-service-api/': ['registration'],
  'appendices/': [
    '3pid-types',
    'canonical-json',
    'checking-for-a-signature',
    'common-identifier-format',
    'event-ids',
    'historical-user-ids',
    'room-ids',
    'server-name',
    'signing-details',
    'unpadded-base64',
  ],
  'client-server-api/': [
    'account-locking',
    'account-suspension',
    'api-standards',
    'invite-permission',
    'mroomcreate',
    'mroommember',
    'mroomthird_party_invite',
    'mroompower_levels',
    'mroomserver_acl',
    'post_matrixclientv3roomsroomidinvite',
    'rate-limiting',
    'redactions',
    'room-membership',
    'size-limits',
    'soft-logout',
    'stripped-state',
    'third-party-invites',
    'thirdparty_post_matrixclientv3roomsroomidinvite',
    'using-access-tokens',
    'web-browser-clients',
  ],
  'identity-service-api/': ['association-lookup', 'invitation-storage', 'post_matrixidentityv2store-invite'],
  'server-server-api/': [
    'adding-hashes-and-signatures-to-outgoing-events',
    'asking-for-a-policy-server-signature-on-an-event',
    'auth-events-selection',
    'calculating-the-content-hash-for-an-event',
    'calculating-the-reference-hash-for-an-event',
    'checks-performed-on-receipt-of-a-pdu',
    'determining-if-a-policy-server-is-enabled-in-a-room',
    'getwell-knownmatrixserver',
    'inviting-to-a-room',
    'pdus',
    'policy-servers',
    'publishing-keys',
    'put_matrixfederationv13pidonbind',
    'request-authentication',
    'resolving-server-names',
    'retrieving-server-keys',
    'server-discovery',
    'signing-events',
    'validating-hashes-and-signatures-on-received-events',
  ],
  'rooms/v1/': [
    'canonical-json',
    'mroompower_levels-events-accept-values-as-floats',
    'mroompower_levels-events-accept-values-as-strings',
    'redactions',
  ],
  'rooms/v3/': ['event-format', 'event-ids'],
  'rooms/v4/': ['event-ids'],
  'rooms/v5/': ['signing-key-validity-period'],
  'rooms/v6/': ['canonical-json'],
  'rooms/v8/': ['authorization-rules'],
  'rooms/v11/': ['authorization-rules', 'event-format', 'remove-the-creator-property-of-mroomcreate-events'],
  'rooms/v12/': ['authorization-rules'],
};

const sources = ['src', 'adapters'].flatMap((folder) =>
  readdirSync(`${ROOT}${folder}`, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => `${folder}/${name}`)
    .map((path) => ({ path, text: readFileSync(ROOT + path, 'utf8') })),
);

const linksIn = (text: string): string[] => text.match(/https:\/\/spec\.matrix\.org\/[^\s)\]`'"]*/g) ?? [];

describe('links to the specification', () => {
  it.each([...sources, ...pages].filter(({ text }) => linksIn(text).length > 0))(
    'point to known sections of one fixed version: $path',
    ({ text }) => {
      for (const link of linksIn(text)) {
        expect(link).toMatch(new RegExp(`^${SPECIFICATION.replaceAll('.', '\\.')}/`));
        const [page = '', section] = link.slice(SPECIFICATION.length + 1).split('#');
        if (section !== undefined) expect(SECTIONS[page] ?? []).toContain(section);
      }
    },
  );

  it.each([
    'src/rooms/identifiers.ts',
    'src/rooms/invite-rule.ts',
    'src/rooms/third-party-invite-rule.ts',
    'src/rooms/power-levels.ts',
    'src/rooms/room-version.ts',
    'src/http/credentials.ts',
  ])('appear next to the rules in %s', (path) => {
    const text = sources.find((source) => source.path === path)?.text ?? '';
    expect(linksIn(text)).not.toEqual([]);
  });
});

describe('the rules that decide an invite', () => {
  it('each have a link to the specification above the line that refuses', () => {
    const text = sources.find(({ path }) => path === 'src/rooms/invite-rule.ts')?.text ?? '';
    const lines = text
      .slice(text.indexOf('export function decideInvite'), text.indexOf('\nfunction refused'))
      .split('\n');
    const refusals = lines.flatMap((line, index) => (line.includes('return refused(') ? [index] : []));
    expect(refusals.length).toBeGreaterThanOrEqual(6);
    for (const index of refusals) expect(linksIn(lines.slice(index - 6, index).join('\n'))).not.toEqual([]);
  });
});
