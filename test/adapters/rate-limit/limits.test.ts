import { describe, expect, it } from 'vitest';
import {
  DEFAULT_RATE_LIMITS,
  fullRateLimits,
  type RateLimits,
} from '../../../adapters/rate-limit/shared/limits.ts';

/** Limits as untyped JavaScript can pass them. */
const untyped = (limits: unknown) => limits as RateLimits;

describe('defaults', () => {
  it('are the bursts of Synapse, over the time that they take to refill', () => {
    expect(DEFAULT_RATE_LIMITS).toEqual({
      attempt: { points: 60, durationSeconds: 60 },
      inviter: { points: 10, durationSeconds: 33 },
      room: { points: 10, durationSeconds: 33 },
      invitee: { points: 5, durationSeconds: 1_667 },
    });
  });

  it('apply to every scope that is left out or undefined', () => {
    expect(fullRateLimits()).toEqual(DEFAULT_RATE_LIMITS);
    expect(fullRateLimits({ room: { points: 1, durationSeconds: 2 }, invitee: undefined })).toEqual({
      ...DEFAULT_RATE_LIMITS,
      room: { points: 1, durationSeconds: 2 },
    });
  });

  it('are immutable', () => {
    expect(() => Object.assign(DEFAULT_RATE_LIMITS.room, { points: 1_000 })).toThrow(TypeError);
    expect(() => Object.assign(DEFAULT_RATE_LIMITS, { room: false })).toThrow(TypeError);
  });
});

describe('limits', () => {
  it('disable a scope with false', () => {
    expect(fullRateLimits({ attempt: false })).toEqual({ ...DEFAULT_RATE_LIMITS, attempt: false });
  });

  it('range from 1 point and 1 second to the maximum of a timer', () => {
    const room = { points: 1, durationSeconds: 1 };
    const invitee = { points: Number.MAX_SAFE_INTEGER, durationSeconds: 2_147_483 };
    expect(fullRateLimits({ room, invitee })).toMatchObject({ room, invitee });
  });

  it('are copied', () => {
    const room = { points: 3, durationSeconds: 3 };
    const limits = fullRateLimits({ room });
    room.points = 1_000;
    expect(limits.room).toEqual({ points: 3, durationSeconds: 3 });
  });

  const notIntegers: readonly unknown[] = [
    0,
    -1,
    0.5,
    1.9,
    Number.NaN,
    Infinity,
    2 ** 53,
    '5',
    5n,
    null,
    undefined,
  ];

  it.each(notIntegers)('reject %s points', (points) => {
    expect(() => fullRateLimits(untyped({ room: { points, durationSeconds: 1 } }))).toThrow(
      new TypeError(`Rate limit "room": points must be an integer from 1 to ${Number.MAX_SAFE_INTEGER}`),
    );
  });

  it.each([...notIntegers, 2_147_484])('reject a duration of %s seconds', (durationSeconds) => {
    expect(() => fullRateLimits(untyped({ invitee: { points: 1, durationSeconds } }))).toThrow(
      new TypeError('Rate limit "invitee": durationSeconds must be an integer from 1 to 2147483'),
    );
  });

  it.each(['rooms', 'ROOM', 'toString', '__proto__'])(
    'reject the scope %s, and list the allowed ones',
    (scope) => {
      const limits = Object.fromEntries([[scope, { points: 1, durationSeconds: 1 }]]);
      expect(() => fullRateLimits(untyped(limits))).toThrow(
        new TypeError(`Rate limits: unknown scope "${scope}"; allowed: attempt, inviter, room, invitee`),
      );
    },
  );

  it('reject an unknown field, and list the allowed ones', () => {
    expect(() => fullRateLimits(untyped({ room: { points: 1, duration: 1 } }))).toThrow(
      new TypeError('Rate limit "room": unknown field "duration"; allowed: points, durationSeconds'),
    );
  });

  it.each([[null], [true], [5], ['room'], [[]]])('reject %j instead of an object', (value) => {
    expect(() => fullRateLimits(untyped(value))).toThrow(
      new TypeError('Rate limits: must be an object with attempt, inviter, room, invitee'),
    );
    expect(() => fullRateLimits(untyped({ inviter: value }))).toThrow(
      new TypeError('Rate limit "inviter": must be an object with points, durationSeconds'),
    );
  });
});
