import { format } from 'node:util';
import { type InviteRouterOptions, printable, StorageUnavailableError } from 'express-matrix-invite';
import { MemoryStorage } from 'express-matrix-invite/storage/memory';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { invite, seedRoom, setUp } from '../http/support.ts';
import { around } from '../invite/support.ts';

/** Clears the screen, forges a line, reverses text, and ends a line in an editor. */
const HOSTILE = '!\u001b[2Jx\nexpress-matrix-invite forged\r\u009b2J\u202egnp\u2066\u2028\u200b\u061c\ud800';
const ACTED_UPON = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

describe('printable', () => {
  it('escapes what a terminal or an editor would act on', () => {
    expect(printable(HOSTILE)).toBe(
      String.raw`!\u001b[2Jx\nexpress-matrix-invite forged\r\u009b2J\u202egnp\u2066\u2028\u200b\u061c\ud800`,
    );
    expect(printable('\t\0\u007f\u{e0041}')).toBe(String.raw`\t\u0000\u007f\udb40\udc41`);
  });

  it('changes nothing else, in any script', () => {
    const text = '@alice:example.org "C:\\rooms" Ünïcödé 你好 שלום 💬 %s';
    expect(printable(text)).toBe(text);
  });
});

describe('IDs of users in the lines of the default logger', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  const roomId = HOSTILE.slice(0, -1);
  const broken = (error: Error) => () => Promise.reject(error);
  const cases: readonly (readonly [string, Partial<InviteRouterOptions>])[] = [
    ['the room ID, in the details', { policies: [{ name: 'faulty', decide: broken(new Error('fault')) }] }],
    [
      'the room ID, in the error of a room without a create event',
      {
        storage: around(new MemoryStorage(), {
          readState: async (_read, _count, keys) => ({ roomId, keys, events: [], revision: '1' }),
        }),
      },
    ],
    [
      'the message, cause and details of an error of the store',
      {
        storage: around(new MemoryStorage(), {
          readState: broken(
            Object.assign(new StorageUnavailableError(HOSTILE, { cause: new Error(HOSTILE) }), {
              detail: HOSTILE,
              [HOSTILE]: HOSTILE,
            }),
          ),
        }),
      },
    ],
  ];

  it.each(cases)('are printed printably: %s', async (_case, options) => {
    const printed: string[] = [];
    for (const method of ['warn', 'error'] as const) {
      vi.spyOn(console, method).mockImplementation((...values) => printed.push(format(...values)));
    }
    const { app, store } = setUp({ logger: undefined, ...options });
    await seedRoom(store, { roomId });
    await invite(app, { roomId });
    expect(printed).toHaveLength(1);
    const [first = '', ...others] = (printed[0] ?? '').split('\n');
    expect(first).toMatch(/^express-matrix-invite: Responded \d+ to an invite \{/);
    expect([first, ...others].filter((line) => ACTED_UPON.test(line))).toEqual([]);
    expect(others.filter((line) => !/^[ }]/.test(line))).toEqual([]);
  });
});
