import { describe, expect, it } from 'vitest';
import { Child } from '../support/child.ts';

/**
 * The status of an invite whose host function throws, and of one whose host function rejects, by its name. The third is
 * that of one whose host function rejects with an error that cannot be read, if it is another.
 */
const STATUSES: Readonly<
  Record<string, readonly [throws: number, rejects: number, rejectsUnreadably?: number]>
> = {
  'logger.info': [200, 200],
  'logger.warn': [200, 200],
  'logger.error': [200, 200],
  'the logger of RedisRateLimit': [200, 200],
  'the logger of jwt': [503, 503],
  requestId: [200, 200],
  stateKeys: [403, 403],
  'an entry of stateKeys': [403, 403],
  decide: [403, 403],
  'the message of decide': [403, 403],
  'onError of httpAntispam': [403, 200],
  onInvite: [200, 200],
  onOutcome: [200, 200],
  beforeAppend: [500, 500],
  'the content of beforeAppend': [500, 500],
  'a field of the content of beforeAppend': [500, 500],
  authenticate: [503, 503, 500],
  'the requester of authenticate': [503, 500],
  'the userId of authenticate': [503, 500],
  'isSuspended of authenticate': [503, 403],
  'exists of users': [503, 503, 500],
  'getProfile of users': [200, 200],
  'a field of getProfile': [200, 200],
  'getAccountData of users': [503, 503, 500],
  'a field of getAccountData': [503, 200],
  consume: [503, 503, 500],
  'readState of transactionalStorage': [503, 503, 500],
  'an event of readState of transactionalStorage': [503, 500],
  'the content of an event of transactionalStorage': [503, 500],
  'readState, with a transact that does not wait': [500, 500],
  'insert of transactionalStorage': [503, 503, 500],
  'the eventId of insert': [503, 500],
  'isConflict of transactionalStorage': [503, 500],
  explainTo: [500, 500],
  'the logger of matrixErrorHandler': [500, 500],
};

describe('a process whose host functions fail', () => {
  it.each([
    ['throws', 0],
    ['rejects', 1],
    ['returns a rejecting thenable', 1],
    ['rejects with an error whose fields cannot be read', 2],
    ['rejects with a revoked Proxy', 2],
  ] as const)('stays up, and responds to each invite: each function %s', async (how, column) => {
    const child = new Child('failing-host-functions.ts', how);
    await child.end();
    expect(child.lines).toEqual(
      Object.entries(STATUSES).map(([name, statuses]) => `${name}: ${statuses[column] ?? statuses[1]}`),
    );
  });
});
