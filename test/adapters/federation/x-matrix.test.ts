import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readXMatrix, writeXMatrix } from '../../../src/http/x-matrix.ts';

const read = (...values: readonly string[]) =>
  readXMatrix(values.flatMap((value) => ['Authorization', value]));

const all = { origin: 'a.test', destination: 'b.test:8448', key: 'ed25519:1', sig: 'AB+/cd' };

describe('a written header', () => {
  it('is the one of the specification', () => {
    expect(writeXMatrix(all)).toBe(
      'X-Matrix origin="a.test",destination="b.test:8448",key="ed25519:1",sig="AB+/cd"',
    );
  });

  it('reads as what was written', () => {
    const name = fc.constantFrom('a.test', '[::1]:8448', '1.2.3.4', 'A-b.test:1');
    const base64 = fc.stringMatching(/^[A-Za-z0-9+/]{1,86}$/);
    const key = fc.stringMatching(/^ed25519:[A-Za-z0-9_]{1,20}$/);
    fc.assert(
      fc.property(fc.record({ origin: name, destination: name, key, sig: base64 }), (xMatrix) => {
        expect(read(writeXMatrix(xMatrix))).toEqual([xMatrix]);
      }),
    );
  });
});

describe('a header', () => {
  it.each([
    ['unquoted values', 'X-Matrix origin=a.test,destination=b.test:8448,key=ed25519:1,sig="AB+/cd"'],
    [
      'names and a scheme in capitals',
      'x-MATRIX Origin="a.test",DESTINATION="b.test:8448",Key="ed25519:1",SIG="AB+/cd"',
    ],
    [
      'another order, and white space',
      'X-Matrix   sig="AB+/cd" ,\tkey = "ed25519:1" , destination="b.test:8448", origin\t=\ta.test',
    ],
    ['empty elements', 'X-Matrix ,origin="a.test",, destination="b.test:8448",key="ed25519:1",sig="AB+/cd",'],
    ['escapes', 'X-Matrix origin="\\a.te\\st",destination="b.test\\:8448",key="ed25519:1",sig="AB+\\/cd"'],
    [
      'unknown parameters',
      'X-Matrix origin="a.test",destination="b.test:8448",key="ed25519:1",sig="AB+/cd",x="\\",y=\\"",__proto__=z',
    ],
  ])('may have %s', (_what, value) => {
    expect(read(value)).toEqual([all]);
  });

  it('may lack the destination, as with older servers', () => {
    expect(read('X-Matrix origin="a.test",key="ed25519:1",sig="AB"')).toEqual([
      { origin: 'a.test', destination: undefined, key: 'ed25519:1', sig: 'AB' },
    ]);
  });

  it.each([
    ['nothing', 'X-Matrix'],
    ['no origin', 'X-Matrix destination="b.test",key="ed25519:1",sig="AB"'],
    ['no key', 'X-Matrix origin="a.test",sig="AB"'],
    ['no signature', 'X-Matrix origin="a.test",key="ed25519:1"'],
    [
      'the name that the text of the specification has for the signature',
      'X-Matrix origin="a.test",key="ed25519:1",signature="AB"',
    ],
    ['an origin that is no server name', 'X-Matrix origin="a b",key="ed25519:1",sig="AB"'],
    ['an empty origin', 'X-Matrix origin="",key="ed25519:1",sig="AB"'],
    [
      'a destination that is no server name',
      'X-Matrix origin="a.test",destination="",key="ed25519:1",sig="AB"',
    ],
    ['a parameter twice', 'X-Matrix origin="a.test",Origin="b.test",key="ed25519:1",sig="AB"'],
    ['an open quote', 'X-Matrix origin="a.test",key="ed25519:1",sig="AB'],
    ['an open escape', 'X-Matrix origin="a.test",key="ed25519:1",sig="AB\\'],
    ['text after a quote', 'X-Matrix origin="a.test"x,key="ed25519:1",sig="AB"'],
    ['no commas', 'X-Matrix origin="a.test" key="ed25519:1" sig="AB"'],
    ['semicolons', 'X-Matrix origin="a.test";key="ed25519:1";sig="AB"'],
    ['a slash without quotes', 'X-Matrix origin=a.test,key=ed25519:1,sig=A/B'],
    ['a control character', 'X-Matrix origin="a.test",key="ed25519:1",sig="A\u0001B"'],
    ['a token instead of parameters', 'X-Matrix QUJD'],
    [
      'two schemes in one',
      'X-Matrix origin="a.test",key="ed25519:1",sig="AB", X-Matrix origin="a.test",key="ed25519:2",sig="AB"',
    ],
    ['another scheme', 'X-Matrixx origin="a.test",key="ed25519:1",sig="AB"'],
  ])('must not have %s', (_what, value) => {
    expect(read(value)).toBeUndefined();
  });

  it('is read in linear time', () => {
    for (const part of ['a', ' ', ',', '\t,', 'a=', '"', '\\', 'a="\\', 'a=b ', 'a=b,']) {
      expect(read(`X-Matrix ${part.repeat(1_000_000)}`)).toBeUndefined();
    }
  });
});

describe('several headers', () => {
  const by = (origin: string, key: string) => `X-Matrix origin="${origin}",key="${key}",sig="AB"`;

  it('may be of one origin', () => {
    expect(read(by('a.test', 'ed25519:1'), by('a.test', 'ed25519:2'))?.map(({ key }) => key)).toEqual([
      'ed25519:1',
      'ed25519:2',
    ]);
  });

  it.each([
    ['of two origins', by('a.test', 'ed25519:1'), by('b.test', 'ed25519:1')],
    ['of origins that differ in case', by('a.test', 'ed25519:1'), by('A.test', 'ed25519:1')],
    ['with one that is malformed', by('a.test', 'ed25519:1'), 'X-Matrix origin='],
    ['with a first one that is malformed', 'X-Matrix origin=', by('a.test', 'ed25519:1')],
  ])('must not be %s', (_what, ...values) => {
    expect(read(...values)).toBeUndefined();
  });

  it('of another scheme do not count', () => {
    expect(read('Bearer token', by('a.test', 'ed25519:1'))).toHaveLength(1);
    expect(read('Bearer token')).toBeUndefined();
    expect(readXMatrix(['X-Matrix', by('a.test', 'ed25519:1')])).toBeUndefined();
  });

  it('are all read from a request, of which Node keeps only the first', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    socket.write(
      `GET / HTTP/1.1\r\nHost: a\r\nauthorization: ${by('a.test', 'ed25519:1')}\r\n` +
        `AUTHORIZATION: ${by('a.test', 'ed25519:2')}\r\n\r\n`,
    );
    const [request] = (await once(server, 'request')) as [IncomingMessage];
    expect(request.headers.authorization).toBe(by('a.test', 'ed25519:1'));
    expect(readXMatrix(request.rawHeaders)).toHaveLength(2);
  });
});
