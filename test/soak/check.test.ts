import { describe, expect, it } from 'vitest';
import { ALICE, BOB, BROKEN, CAROL, FAILED, roomRefusal, Script } from './histories.ts';

describe('a correct history', () => {
  it('has no anomalies', () => {
    const script = new Script();
    script.store(script.invite(BOB, [0, 10]));
    script.notify('$1');
    script.invite(BOB, [20, 30]);
    script.member(BOB, 'join', [40, 50]);
    script.invite(BOB, [60, 70], roomRefusal('inviteeJoined'));
    script.member(BOB, 'ban', [80, 90], ALICE);
    script.invite(BOB, [100, 110], roomRefusal('inviteeBanned'));
    script.power({ invite: 50, users: { [ALICE]: 0 } }, [120, 130]);
    script.invite(CAROL, [140, 150], roomRefusal('insufficientPower'));
    script.invite(CAROL, [160, 170], roomRefusal('roomUnknownOrInviterNotJoined'), BOB);
    expect(script.anomalies()).toEqual([]);
  });

  it('can contain concurrent calls, in either order', () => {
    const script = new Script();
    const invite = script.invite(BOB, [0, 10]);
    script.member(BOB, 'leave', [1, 9]);
    script.store(invite);
    script.invite(BOB, [2, 8], roomRefusal('inviteeBanned'));
    expect(script.kinds()).toEqual(['unexplainedRefusal']);
    script.calls.pop();
    expect(script.anomalies()).toEqual([]);
  });

  it('can leave open the outcome of calls that failed', () => {
    const script = new Script();
    script.store(script.invite(BOB, [0, 10], FAILED));
    script.store(script.invite(CAROL, [20, 30], BROKEN));
    script.invite('@dan:example.org', [40, 50], BROKEN);
    script.put({ type: 'm.room.name', state_key: '' }, {}, [60, 70], ALICE, false);
    expect(script.anomalies()).toEqual([]);
  });
});

describe('acknowledgedMissing', () => {
  it('is an event that was acknowledged to the host app but is not stored', () => {
    const script = new Script();
    script.put({ type: 'm.room.name', state_key: '' }, {}, [0, 10], ALICE);
    expect(script.kinds()).toEqual(['acknowledgedMissing']);
  });

  it('is an event that onInvite received but that is not stored', () => {
    const script = new Script();
    script.notify('$nowhere');
    expect(script.kinds()).toEqual(['acknowledgedMissing']);
  });
});

describe('respondedWithoutEvent', () => {
  it('is a 200 without an event', () => {
    const script = new Script();
    script.invite(BOB, [0, 10]);
    expect(script.kinds()).toEqual(['respondedWithoutEvent']);
  });

  it('is a 200 for an invite that was pending only before the call', () => {
    const script = new Script();
    script.store(script.invite(BOB, [0, 10]));
    script.member(BOB, 'leave', [20, 30]);
    script.invite(BOB, [40, 50]);
    expect(script.kinds()).toEqual(['respondedWithoutEvent']);
  });

  it('is not reported if the pending invite ended during the call', () => {
    const script = new Script();
    script.store(script.invite(BOB, [0, 10]));
    script.invite(BOB, [29, 50]);
    script.member(BOB, 'leave', [20, 30]);
    expect(script.anomalies()).toEqual([]);
  });

  it('is a 200 for a pending invite if the requester may not invite', () => {
    const script = new Script();
    script.store(script.invite(BOB, [0, 10]));
    script.invite(BOB, [20, 30], { status: 200 }, CAROL);
    expect(script.kinds()).toEqual(['respondedWithoutEvent']);
  });
});

describe('respondedWithoutEvent, for a request that is repeated unchanged', () => {
  const repeated = (span: readonly [number, number]) => {
    const script = new Script();
    const first = script.invite(BOB, [0, 10]);
    script.store(first);
    script.power({ invite: 50, users: {} }, [20, 30]);
    script.repeat(first, span);
    return script;
  };

  it('is a 200 for the event of the first request if that no longer allows it', () => {
    expect(repeated([40, 50]).kinds()).toEqual(['respondedWithoutEvent']);
  });

  it('is not reported if the event can belong to either call', () => {
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

describe('staleBasis', () => {
  it('is an invite of a user who has been banned meanwhile', () => {
    const script = new Script();
    const invite = script.invite(BOB, [0, 100]);
    script.member(BOB, 'ban', [10, 20], ALICE);
    script.store(invite);
    expect(script.kinds()).toEqual(['staleBasis']);
  });

  it('is an invite of a user who has joined meanwhile', () => {
    const script = new Script();
    const invite = script.invite(BOB, [0, 100]);
    script.member(BOB, 'join', [10, 20]);
    script.store(invite);
    expect(script.kinds()).toEqual(['staleBasis']);
  });

  it('is an invite by a user who has lost their power meanwhile', () => {
    const script = new Script();
    const invite = script.invite(BOB, [0, 100]);
    script.power({ invite: 50 }, [10, 20]);
    script.store(invite);
    expect(script.kinds()).toEqual(['staleBasis']);
  });

  it('is an invite by a user who has left meanwhile', () => {
    const script = new Script();
    const invite = script.invite(BOB, [0, 100]);
    script.member(ALICE, 'leave', [10, 20]);
    script.store(invite);
    expect(script.kinds()).toEqual(['staleBasis']);
  });
});

describe('unexplainedRefusal', () => {
  it('is a refusal that no state explains', () => {
    const script = new Script();
    script.invite(BOB, [0, 10], roomRefusal('inviteeBanned'));
    expect(script.kinds()).toEqual(['unexplainedRefusal']);
  });

  it('is a refusal for another reason than that of the state', () => {
    const script = new Script();
    script.member(BOB, 'ban', [0, 10], ALICE);
    script.invite(BOB, [20, 30], roomRefusal('inviteeJoined'));
    expect(script.kinds()).toEqual(['unexplainedRefusal']);
  });

  it('is a refusal whose reason ended before the call and returned after it', () => {
    const script = new Script();
    script.member(BOB, 'ban', [0, 10], ALICE);
    script.member(BOB, 'leave', [20, 30], ALICE);
    script.invite(BOB, [31, 39], roomRefusal('inviteeBanned'));
    script.member(BOB, 'ban', [40, 50], ALICE);
    expect(script.kinds()).toEqual(['unexplainedRefusal']);
  });

  it('is not reported if the reason held at some time during the call', () => {
    const script = new Script();
    script.member(BOB, 'ban', [0, 10], ALICE);
    script.member(BOB, 'leave', [20, 30], ALICE);
    script.invite(BOB, [30, 39], roomRefusal('inviteeBanned'));
    expect(script.anomalies()).toEqual([]);
  });

  it('is a refusal by a state that started with an unknown outcome, once a later event bounds it', () => {
    const script = new Script();
    const ban = script.put(
      { type: 'm.room.member', state_key: BOB },
      { membership: 'ban' },
      [0, 10],
      ALICE,
      false,
    );
    script.store(ban);
    script.invite(BOB, [500, 510], roomRefusal('inviteeBanned'));
    expect(script.anomalies()).toEqual([]);
    script.member(BOB, 'leave', [20, 30], ALICE);
    expect(script.kinds()).toEqual(['unexplainedRefusal']);
  });

  it('is a refusal by a state that an earlier call saw replaced', () => {
    const script = new Script();
    script.member(BOB, 'ban', [0, 10], ALICE);
    const unban = { type: 'm.room.member', state_key: BOB };
    script.store(script.put(unban, { membership: 'join' }, [20, 30], BOB, false));
    // The time of the join is unknown, but the first call saw it, so the second one cannot have missed it.
    script.invite(BOB, [40, 50], roomRefusal('inviteeJoined'));
    script.invite(BOB, [60, 70], roomRefusal('inviteeBanned'));
    expect(script.kinds()).toHaveLength(1);
    script.calls.splice(-2, 1);
    expect(script.anomalies()).toEqual([]);
  });

  it('is any response but "not in this room" if there is no room', () => {
    const script = new Script();
    const call = script.invite(BOB, [0, 10], roomRefusal('roomUnknownOrInviterNotJoined'));
    script.calls[0] = { ...call, roomId: '!nowhere:example.org' };
    expect(script.anomalies()).toEqual([]);
    script.calls[0] = { ...call, roomId: '!nowhere:example.org', response: roomRefusal('inviteeBanned') };
    expect(script.kinds()).toEqual(['unexplainedRefusal']);
  });
});

describe('refusedButStored', () => {
  it('is the event of a refused call if outcomes are known', () => {
    const script = new Script();
    const invite = script.invite(BOB, [0, 100], roomRefusal('inviteeJoined'));
    script.store(invite);
    script.member(BOB, 'join', [10, 20]);
    expect(script.kinds({ outcomesCanBeUnknown: false })).toEqual(['refusedButStored']);
    expect(script.anomalies({ outcomesCanBeUnknown: true })).toEqual([]);
  });
});

describe('realTimeOrder', () => {
  it('is an event that comes after one whose call was sent after its response', () => {
    const script = new Script();
    const first = script.invite(BOB, [0, 10]);
    script.store(script.invite(CAROL, [20, 30]));
    script.store(first);
    // No time is possible for either of the two.
    expect(script.kinds().filter((kind) => kind === 'realTimeOrder')).toHaveLength(2);
  });

  it('is not reported if the calls were concurrent, or if an outcome is open', () => {
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
  it('report an event with another sender than its call', () => {
    const script = new Script();
    script.member(CAROL, 'join', [0, 1]);
    script.store(script.invite(BOB, [10, 20]), { sender: CAROL });
    expect(script.kinds()).toContain('foreignSender');
  });

  it('report an event that no call requested', () => {
    const script = new Script();
    const invite = script.invite(BOB, [0, 10]);
    script.store(invite);
    script.store({ ...invite, id: 99, key: { ...invite.key, state_key: CAROL } });
    script.store({ ...invite, id: 100, content: { membership: 'leave' } });
    expect(script.kinds().filter((kind) => kind === 'foreignEvent')).toHaveLength(2);
  });

  it('report an event with another content than requested', () => {
    const script = new Script();
    const invite = script.invite(BOB, [0, 10]);
    script.store(invite, { content: { ...invite.content, displayname: 'Bob' } });
    expect(script.kinds()).toEqual(['foreignEvent']);
  });
});

describe('stateDiffersFromLog', () => {
  it('is a current event that is missing, or not the latest of its key', () => {
    const script = new Script();
    const invite = script.store(script.invite(BOB, [0, 10]));
    script.member(BOB, 'join', [20, 30]);
    script.state = [invite];
    expect(script.kinds()).toEqual(['stateDiffersFromLog']);
  });
});

describe('limitExceeded', () => {
  const limits = [{ scope: 'inviter', points: 2, durationMs: 1_000, counters: 1 }] as const;

  function invitesAt(times: readonly number[]): Script {
    const script = new Script();
    for (const [index, time] of times.entries()) {
      script.store(script.invite(`@user${index}:example.org`, [time, time + 10]));
    }
    return script;
  }

  it('is more invites in less than a window than two adjacent windows allow', () => {
    expect(invitesAt([0, 300, 600, 900]).kinds({ limits })).toEqual(['limitExceeded']);
  });

  it('is not reported for as many as they allow, or if one call can have ended later', () => {
    expect(invitesAt([0, 300, 600]).anomalies({ limits })).toEqual([]);
    expect(invitesAt([0, 300, 600, 995]).anomalies({ limits })).toEqual([]);
  });

  it('is not reported if there were several counters', () => {
    const [limit] = limits;
    expect(invitesAt([0, 300, 600, 900]).anomalies({ limits: [{ ...limit, counters: 2 }] })).toEqual([]);
  });

  it.each(['room', 'invitee'] as const)('is reported for the scope %s', (scope) => {
    const script = new Script();
    for (const time of [0, 100, 200, 300]) {
      script.store(script.invite(BOB, [time, time + 10]));
      script.member(BOB, 'leave', [time + 20, time + 30]);
    }
    expect(script.kinds({ limits: [{ ...limits[0], scope }] })).toEqual(['limitExceeded']);
  });
});

describe('tooSlow', () => {
  it('is a response, or a broken connection, later than the deadline plus the grace period', () => {
    const script = new Script();
    script.store(script.invite(BOB, [0, 3_001]));
    script.invite(CAROL, [0, 3_001], BROKEN);
    script.invite(CAROL, [0, 3_000], FAILED);
    expect(script.kinds()).toEqual(['tooSlow', 'tooSlow']);
  });

  it('does not count the time for which the worker or the driver was paused', () => {
    const script = new Script();
    script.store(script.invite(BOB, [0, 3_001]));
    script.pauses.push({ worker: 1, from: 100, to: 900 });
    script.pauses.push({ worker: 0, from: 4_000, to: 9_000 });
    expect(script.kinds()).toEqual(['tooSlow']);
    script.pauses.push({ worker: 0, from: 100, to: 102 });
    expect(script.anomalies()).toEqual([]);
  });
});

describe('notifiedTwice', () => {
  it('is an event that onInvite received more than once', () => {
    const script = new Script();
    script.store(script.invite(BOB, [0, 10]));
    script.notify('$1');
    script.notify('$1');
    expect(script.kinds()).toEqual(['notifiedTwice']);
  });

  it('is not reported if two identical calls can each claim the event', () => {
    const script = new Script();
    const first = script.invite(BOB, [0, 10]);
    script.repeat(first, [5, 15]);
    script.store(first);
    script.notify('$1');
    script.notify('$1');
    expect(script.anomalies()).toEqual([]);
    script.notify('$1');
    expect(script.kinds()).toEqual(['notifiedTwice']);
  });
});

describe('unexpectedResponse and workerDied', () => {
  it('report responses that no fault explains', () => {
    const script = new Script();
    script.invite(BOB, [0, 10], { status: 500, errcode: 'M_UNKNOWN', message: 'Internal server error' });
    script.invite(BOB, [0, 10], { status: 429, errcode: 'M_LIMIT_EXCEEDED', message: 'Too many requests' });
    expect(script.kinds()).toEqual(['unexpectedResponse', 'unexpectedResponse']);
    const limits = [{ scope: 'room', points: 1, durationMs: 1_000, counters: 1 }] as const;
    expect(script.kinds({ limits })).toEqual(['unexpectedResponse']);
  });

  it('report a worker that exited on its own', () => {
    const script = new Script();
    script.deaths.push({ worker: 2, at: 5 });
    expect(script.kinds()).toEqual(['workerDied']);
  });
});
