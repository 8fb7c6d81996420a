import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { afterEach, expect, it, vi } from 'vitest';
import { EventStreams } from '../../examples/quickstart/event-streams.ts';

afterEach(() => {
  vi.useRealTimers();
});

it('an event stream sends heartbeats, so that a dead connection is noticed', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const streams = new EventStreams();
  const server = express()
    .get('/', (_request, response) => streams.open(response, 'greeting', [{ hello: 'world' }]))
    .listen(0, '127.0.0.1');
  await once(server, 'listening');
  const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  vi.advanceTimersByTime(30_000);
  streams.send('greeting', { hello: 'again' });
  streams.close();
  expect(await response.text()).toBe(
    [
      'retry: 2000',
      'event: greeting\ndata: {"hello":"world"}',
      ': heartbeat',
      ': heartbeat',
      'event: greeting\ndata: {"hello":"again"}',
      '',
    ].join('\n\n'),
  );
  server.close();
  await once(server, 'close');
});
