import type { Anomaly, Call, CheckConfig, History } from '../history.ts';

/**
 * Finds calls that took too long. The time for which their worker or the driver was paused does not count, so a call to
 * a paused worker may take that much longer. A call to a killed worker ends when its connection breaks, and gets no
 * extra time.
 */
export function tooSlow({ calls, pauses }: History, { deadlineMs, graceMs }: CheckConfig): Anomaly[] {
  return calls
    .filter(({ kind }) => kind === 'invite')
    .map((call) => ({ call, took: call.endedAt - call.sentAt - pausedDuring(call, pauses) }))
    .filter(({ took }) => took > deadlineMs + graceMs)
    .map(({ call, took }) => ({
      kind: 'tooSlow',
      roomId: call.roomId,
      message: `call ${call.id} to worker ${call.worker} took ${Math.round(took)} ms: ${call.response?.status ?? 'broken'}`,
    }));
}

/** Counts each pause that overlaps the call in full: the time around it is spent on catching up. */
function pausedDuring({ worker, sentAt, endedAt }: Call, pauses: History['pauses']): number {
  return pauses
    .filter((pause) => pause.worker === 'all' || pause.worker === worker)
    .filter(({ from, to }) => from <= endedAt && to >= sentAt)
    .reduce((sum, { from, to }) => sum + to - from, 0);
}

/** Finds statuses that no rule and no fault explains. */
export function unexpectedResponses(calls: readonly Call[], { limits }: CheckConfig): Anomaly[] {
  const expected = (call: Call) =>
    call.kind === 'put' ? [200, 503] : [200, 400, 403, 503, ...(limits.length > 0 ? [429] : [])];
  return calls
    .filter((call) => call.response !== undefined && !expected(call).includes(call.response.status))
    .map(({ id, roomId, response }) => ({
      kind: 'unexpectedResponse',
      roomId,
      message: `call ${id}: ${JSON.stringify(response)}`,
    }));
}

/** Finds workers that exited: no fault of a store may end a process. */
export function died({ deaths }: History): Anomaly[] {
  return deaths.map(({ worker, at }) => ({
    kind: 'workerDied',
    roomId: '',
    message: `worker ${worker} exited on its own at ${Math.round(at)}`,
  }));
}
