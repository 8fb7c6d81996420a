import type { Anomaly, Call, History, Settings } from '../history.ts';

/**
 * Calls that took longer than they may. The time in which their worker or the driver was stopped is no time of the
 * product's, so a call to a stopped worker may take that much longer; one to a killed worker ends when its connection
 * breaks, and has no time of its own beyond the deadline either.
 */
export function tooSlow({ calls, pauses }: History, { deadlineMs, graceMs }: Settings): Anomaly[] {
  return calls
    .filter(({ kind }) => kind === 'invite')
    .map((call) => ({ call, took: call.endedAt - call.sentAt - pausedDuring(call, pauses) }))
    .filter(({ took }) => took > deadlineMs + graceMs)
    .map(({ call, took }) => ({
      kind: 'tooSlow',
      roomId: call.roomId,
      text: `call ${call.id} to worker ${call.worker} took ${Math.round(took)} ms: ${call.answer?.status ?? 'broken'}`,
    }));
}

/** Each pause counts whole where it touches the call, since the time around it is spent on catching up. */
function pausedDuring({ worker, sentAt, endedAt }: Call, pauses: History['pauses']): number {
  return pauses
    .filter((pause) => pause.worker === 'all' || pause.worker === worker)
    .filter(({ from, to }) => from <= endedAt && to >= sentAt)
    .reduce((sum, { from, to }) => sum + to - from, 0);
}

/** Statuses that no rule and no fault accounts for. */
export function unexpectedAnswers(calls: readonly Call[], { limits }: Settings): Anomaly[] {
  const expected = (call: Call) =>
    call.kind === 'put' ? [200, 503] : [200, 400, 403, 503, ...(limits.length > 0 ? [429] : [])];
  return calls
    .filter((call) => call.answer !== undefined && !expected(call).includes(call.answer.status))
    .map(({ id, roomId, answer }) => ({
      kind: 'unexpectedAnswer',
      roomId,
      text: `call ${id}: ${JSON.stringify(answer)}`,
    }));
}

/** No fault of a store may take a process along. */
export function died({ deaths }: History): Anomaly[] {
  return deaths.map(({ worker, at }) => ({
    kind: 'workerDied',
    roomId: '',
    text: `worker ${worker} ended by itself at ${Math.round(at)}`,
  }));
}
