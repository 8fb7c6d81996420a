import { describe, expect, it } from 'vitest';
import { ALICE, BOB, BROKEN, CAROL, FAILED, refusal, Script } from './histories.ts';

describe('a history in which all is well', () => {
  it('has no anomalies', () => {
    const script = new Script();
    script.store(script.invite(BOB, [0, 10]));
    script.told('$1');
    script.invite(BOB, [20, 30]);
    script.member(BOB, 'join', [40, 50]);
    script.invite(BOB, [60, 70], refusal('inviteeJoined'));
    script.member(BOB, 'ban', [80, 90], ALICE);
    script.invite(BOB, [100, 110], refusal('inviteeBanned'));
    script.power({ invite: 50, users: { [ALICE]: 0 } }, [120, 130]);
    script.invite(CAROL, [140, 150], refusal('insufficientPower'));
    script.invite(CAROL, [160, 170], refusal('roomUnknownOrInviterNotJoined'), BOB);
    expect(script.anomalies()).toEqual([]);
  });

  it('may have calls under way at once, in either order', () => {
    const script = new Script();
    const invite = script.invite(BOB, [0, 10]);
    script.member(BOB, 'leave', [1, 9]);
    script.store(invite);
    script.invite(BOB, [2, 8], refusal('inviteeBanned'));
    expect(script.kinds()).toEqual(['unexplainedRefusal']);
    script.calls.pop();
    expect(script.anomalies()).toEqual([]);
  });

  it('may leave open what became of calls that failed', () => {
    const script = new Script();
    script.store(script.invite(BOB, [0, 10], FAILED));
    script.store(script.invite(CAROL, [20, 30], BROKEN));
    script.invite('@dan:example.org', [40, 50], BROKEN);
    script.put({ type: 'm.room.name', state_key: '' }, {}, [60, 70], ALICE, false);
    expect(script.anomalies()).toEqual([]);
  });
});

describe('acknowledgedMissing', () => {
  it('is an event that the host was told of and that is not there', () => {
    const script = new Script();
    script.put({ type: 'm.room.name', state_key: '' }, {}, [0, 10], ALICE);
    expect(script.kinds()).toEqual(['acknowledgedMissing']);
  });

  it('is an event that onInvite was told of and that is not there', () => {
    const script = new Script();
    script.told('$nowhere');
    expect(script.kinds()).toEqual(['acknowledgedMissing']);
  });
});

describe('answeredWithoutEvent', () => {
  it('is a 200 that no event stands for', () => {
    const script = new Script();
    script.invite(BOB, [0, 10]);
    expect(script.kinds()).toEqual(['answeredWithoutEvent']);
  });

  it('is a 200 for an invite that was pending only before', () => {
    const script = new Script();
    script.store(script.invite(BOB, [0, 10]));
    script.member(BOB, 'leave', [20, 30]);
    script.invite(BOB, [40, 50]);
    expect(script.kinds()).toEqual(['answeredWithoutEvent']);
  });

  it('is none when the pending invite went while the call was under way', () => {
    const script = new Script();
    script.store(script.invite(BOB, [0, 10]));
    script.invite(BOB, [29, 50]);
    script.member(BOB, 'leave', [20, 30]);
    expect(script.anomalies()).toEqual([]);
  });

  it('is a 200 for a pending invite to somebody who may not invite', () => {
    const script = new Script();
    script.store(script.invite(BOB, [0, 10]));
    script.invite(BOB, [20, 30], { status: 200 }, CAROL);
    expect(script.kinds()).toEqual(['answeredWithoutEvent']);
  });
});

describe('answeredWithoutEvent, for a request that is repeated word for word', () => {
  const repeated = (span: readonly [number, number]) => {
    const script = new Script();
    const first = script.invite(BOB, [0, 10]);
    script.store(first);
    script.power({ invite: 50, users: {} }, [20, 30]);
    script.repeat(first, span);
    return script;
  };

  it('is a 200 for the event of the first one, when that is no reason any more', () => {
    expect(repeated([40, 50]).kinds()).toEqual(['answeredWithoutEvent']);
  });

  it('is none when the event may be of either call', () => {
    expect(repeated([5, 50]).anomalies()).toEqual([]);
  });
});

describe('doubled', () => {
  it('is an invite after an invite', () => {
    const script = new Script();
    script.store(script.invite(BOB, [0, 10]));
    script.store(script.invite(BOB, [0, 10]));
    expect(script.kinds()).toEqual(['doubled']);
  });

  it('is two events of one call', () => {
    const script = new Script();
    const call = script.invite(BOB, [0, 100]);
    script.store(call);
    script.member(BOB, 'leave', [10, 20]);
    script.store(call, { event_id: '$again' });
    expect(script.kinds({ outcomesCanBeUnknown: false })).toEqual(['doubled']);
    expect(script.kinds({ outcomesCanBeUnknown: true })).toEqual([]);
  });
});

describe('overtakenBasis', () => {
  it('is an invite of somebody who is banned by then', () => {
    const script = new Script();
    const invite = script.invite(BOB, [0, 100]);
    script.member(BOB, 'ban', [10, 20], ALICE);
    script.store(invite);
    expect(script.kinds()).toEqual(['overtakenBasis']);
  });

  it('is an invite of somebody who has joined by then', () => {
    const script = new Script();
    const invite = script.invite(BOB, [0, 100]);
    script.member(BOB, 'join', [10, 20]);
    script.store(invite);
    expect(script.kinds()).toEqual(['overtakenBasis']);
  });

  it('is an invite by somebody whose power is gone by then', () => {
    const script = new Script();
    const invite = script.invite(BOB, [0, 100]);
    script.power({ invite: 50 }, [10, 20]);
    script.store(invite);
    expect(script.kinds()).toEqual(['overtakenBasis']);
  });

  it('is an invite by somebody who has left by then', () => {
    const script = new Script();
    const invite = script.invite(BOB, [0, 100]);
    script.member(ALICE, 'leave', [10, 20]);
    script.store(invite);
    expect(script.kinds()).toEqual(['overtakenBasis']);
  });
});

describe('unexplainedRefusal', () => {
  it('is a refusal that the state never gave reason for', () => {
    const script = new Script();
    script.invite(BOB, [0, 10], refusal('inviteeBanned'));
    expect(script.kinds()).toEqual(['unexplainedRefusal']);
  });

  it('is a refusal for another reason than the one there was', () => {
    const script = new Script();
    script.member(BOB, 'ban', [0, 10], ALICE);
    script.invite(BOB, [20, 30], refusal('inviteeJoined'));
    expect(script.kinds()).toEqual(['unexplainedRefusal']);
  });

  it('is a refusal whose reason was over before the call, or came after it', () => {
    const script = new Script();
    script.member(BOB, 'ban', [0, 10], ALICE);
    script.member(BOB, 'leave', [20, 30], ALICE);
    script.invite(BOB, [31, 39], refusal('inviteeBanned'));
    script.member(BOB, 'ban', [40, 50], ALICE);
    expect(script.kinds()).toEqual(['unexplainedRefusal']);
  });

  it('is none when the reason lasted for a moment of the call', () => {
    const script = new Script();
    script.member(BOB, 'ban', [0, 10], ALICE);
    script.member(BOB, 'leave', [20, 30], ALICE);
    script.invite(BOB, [30, 39], refusal('inviteeBanned'));
    expect(script.anomalies()).toEqual([]);
  });

  it('is a refusal by a state that an event of unknown outcome began, after a later event bounds it', () => {
    const script = new Script();
    const ban = script.put(
      { type: 'm.room.member', state_key: BOB },
      { membership: 'ban' },
      [0, 10],
      ALICE,
      false,
    );
    script.store(ban);
    script.invite(BOB, [500, 510], refusal('inviteeBanned'));
    expect(script.anomalies()).toEqual([]);
    script.member(BOB, 'leave', [20, 30], ALICE);
    expect(script.kinds()).toEqual(['unexplainedRefusal']);
  });

  it('is a refusal by a state that an earlier call has seen gone', () => {
    const script = new Script();
    script.member(BOB, 'ban', [0, 10], ALICE);
    const unban = { type: 'm.room.member', state_key: BOB };
    script.store(script.put(unban, { membership: 'join' }, [20, 30], BOB, false));
    // Nobody knows when the join came, but the first call has seen it, so the second one cannot have missed it.
    script.invite(BOB, [40, 50], refusal('inviteeJoined'));
    script.invite(BOB, [60, 70], refusal('inviteeBanned'));
    expect(script.kinds()).toHaveLength(1);
    script.calls.splice(-2, 1);
    expect(script.anomalies()).toEqual([]);
  });

  it('is any answer but "not in this room" where there is no room', () => {
    const script = new Script();
    const call = script.invite(BOB, [0, 10], refusal('roomUnknownOrInviterNotJoined'));
    script.calls[0] = { ...call, roomId: '!nowhere:example.org' };
    expect(script.anomalies()).toEqual([]);
    script.calls[0] = { ...call, roomId: '!nowhere:example.org', answer: refusal('inviteeBanned') };
    expect(script.kinds()).toEqual(['unexplainedRefusal']);
  });
});

describe('refusedButStored', () => {
  it('is the event of a refused call, where outcomes are known', () => {
    const script = new Script();
    const invite = script.invite(BOB, [0, 100], refusal('inviteeJoined'));
    script.store(invite);
    script.member(BOB, 'join', [10, 20]);
    expect(script.kinds({ outcomesCanBeUnknown: false })).toEqual(['refusedButStored']);
    expect(script.anomalies({ outcomesCanBeUnknown: true })).toEqual([]);
  });
});

describe('realTimeOrder', () => {
  it('is an event behind one whose call was sent after it was answered', () => {
    const script = new Script();
    const first = script.invite(BOB, [0, 10]);
    script.store(script.invite(CAROL, [20, 30]));
    script.store(first);
    // Neither of the two has a moment left.
    expect(script.kinds().filter((kind) => kind === 'realTimeOrder')).toHaveLength(2);
  });

  it('is none while both calls were under way, or when the outcome was left open', () => {
    const script = new Script();
    const first = script.invite(BOB, [0, 20]);
    const open = script.invite('@dan:example.org', [0, 1], FAILED);
    script.store(script.invite(CAROL, [20, 30]));
    script.store(first);
    script.store(open);
    expect(script.anomalies()).toEqual([]);
  });
});

describe('foreignSender and foreignEvent', () => {
  it('tell of an event by somebody else than its caller', () => {
    const script = new Script();
    script.member(CAROL, 'join', [0, 1]);
    script.store(script.invite(BOB, [10, 20]), { sender: CAROL });
    expect(script.kinds()).toContain('foreignSender');
  });

  it('tell of an event that nobody asked for', () => {
    const script = new Script();
    const invite = script.invite(BOB, [0, 10]);
    script.store(invite);
    script.store({ ...invite, id: 99, key: { ...invite.key, state_key: CAROL } });
    script.store({ ...invite, id: 100, content: { membership: 'leave' } });
    expect(script.kinds().filter((kind) => kind === 'foreignEvent')).toHaveLength(2);
  });

  it('tell of an event whose content is not what was asked', () => {
    const script = new Script();
    const invite = script.invite(BOB, [0, 10]);
    script.store(invite, { content: { ...invite.content, displayname: 'Bob' } });
    expect(script.kinds()).toEqual(['foreignEvent']);
  });
});

describe('stateDiffersFromLog', () => {
  it('is a current event that is not the latest of its key, or is left out', () => {
    const script = new Script();
    const invite = script.store(script.invite(BOB, [0, 10]));
    script.member(BOB, 'join', [20, 30]);
    script.state = [invite];
    expect(script.kinds()).toEqual(['stateDiffersFromLog']);
  });
});

describe('limitExceeded', () => {
  const limits = [{ scope: 'inviter', points: 2, durationMs: 1_000, counts: 1 }] as const;

  function invitesAt(times: readonly number[]): Script {
    const script = new Script();
    for (const [index, time] of times.entries()) {
      script.store(script.invite(`@user${index}:example.org`, [time, time + 10]));
    }
    return script;
  }

  it('is more invites in less than a window than the ends of two windows hold', () => {
    expect(invitesAt([0, 300, 600, 900]).kinds({ limits })).toEqual(['limitExceeded']);
  });

  it('is none for as many as they hold, or when one call may have lasted longer', () => {
    expect(invitesAt([0, 300, 600]).anomalies({ limits })).toEqual([]);
    expect(invitesAt([0, 300, 600, 995]).anomalies({ limits })).toEqual([]);
  });

  it('is none where several counts were in play', () => {
    const [limit] = limits;
    expect(invitesAt([0, 300, 600, 900]).anomalies({ limits: [{ ...limit, counts: 2 }] })).toEqual([]);
  });

  it.each(['room', 'invitee'] as const)('is found for the scope %s', (scope) => {
    const script = new Script();
    for (const time of [0, 100, 200, 300]) {
      script.store(script.invite(BOB, [time, time + 10]));
      script.member(BOB, 'leave', [time + 20, time + 30]);
    }
    expect(script.kinds({ limits: [{ ...limits[0], scope }] })).toEqual(['limitExceeded']);
  });
});

describe('tooSlow', () => {
  it('is an answer, or a broken connection, later than the deadline and the grace', () => {
    const script = new Script();
    script.store(script.invite(BOB, [0, 3_001]));
    script.invite(CAROL, [0, 3_001], BROKEN);
    script.invite(CAROL, [0, 3_000], FAILED);
    expect(script.kinds()).toEqual(['tooSlow', 'tooSlow']);
  });

  it('does not count the time in which the worker, or the driver, was stopped', () => {
    const script = new Script();
    script.store(script.invite(BOB, [0, 3_001]));
    script.pauses.push({ worker: 1, from: 100, to: 900 });
    script.pauses.push({ worker: 0, from: 4_000, to: 9_000 });
    expect(script.kinds()).toEqual(['tooSlow']);
    script.pauses.push({ worker: 0, from: 100, to: 102 });
    expect(script.anomalies()).toEqual([]);
  });
});

describe('toldTwice', () => {
  it('is an event that onInvite is told of more than once', () => {
    const script = new Script();
    script.store(script.invite(BOB, [0, 10]));
    script.told('$1');
    script.told('$1');
    expect(script.kinds()).toEqual(['toldTwice']);
  });

  it('is none where each of two calls, the same word for word, may take the event for its own', () => {
    const script = new Script();
    const first = script.invite(BOB, [0, 10]);
    script.repeat(first, [5, 15]);
    script.store(first);
    script.told('$1');
    script.told('$1');
    expect(script.anomalies()).toEqual([]);
    script.told('$1');
    expect(script.kinds()).toEqual(['toldTwice']);
  });
});

describe('unexpectedAnswer and workerDied', () => {
  it('tell of answers that no fault accounts for', () => {
    const script = new Script();
    script.invite(BOB, [0, 10], { status: 500, errcode: 'M_UNKNOWN', text: 'Internal server error' });
    script.invite(BOB, [0, 10], { status: 429, errcode: 'M_LIMIT_EXCEEDED', text: 'Too many requests' });
    expect(script.kinds()).toEqual(['unexpectedAnswer', 'unexpectedAnswer']);
    const limits = [{ scope: 'room', points: 1, durationMs: 1_000, counts: 1 }] as const;
    expect(script.kinds({ limits })).toEqual(['unexpectedAnswer']);
  });

  it('tell of a worker that ended by itself', () => {
    const script = new Script();
    script.deaths.push({ worker: 2, at: 5 });
    expect(script.kinds()).toEqual(['workerDied']);
  });
});
