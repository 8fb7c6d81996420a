import { bindInvites, type OnBindConfig } from '../invite/on-bind.ts';
import { validateOnBind } from '../openapi/on-bind.ts';
import { type BodyOptions, readBody } from './body.ts';
import { required } from './error-response.ts';
import { peerNetwork } from './peer-network.ts';
import type { Exchange } from './response.ts';
import type { WorkBudget } from './work-budget.ts';

export type OnBindRequestConfig = OnBindConfig & { readonly body: BodyOptions; readonly budget: WorkBudget };

/**
 * Handles an `onbind` of an identity server. It has no authentication: trust lies in the signatures alone.
 *
 * @throws {MatrixError} (rejects) 400 or 413 for an invalid body, 429, or the failure
 */
export async function onBindByRequest(config: OnBindRequestConfig, exchange: Exchange): Promise<object> {
  config.background.throwIfClosed();
  const spend = config.budget.admit(peerNetwork(exchange.request));
  const body = { ...config.body, onSize: (bytes: number) => spend(Math.floor(bytes / 1_024)) };
  const { mxid, invites, invalidInvites } = required(validateOnBind(await readBody(exchange, body)));
  if (invalidInvites > 0) exchange.log.info({ invalidInvites }, 'An onbind had invites that are not valid');
  const work = bindInvites(
    config,
    {
      userId: mxid,
      invites: invites.map(({ room_id: roomId, sender, signed }) => ({ roomId, sender, signed })),
    },
    { log: exchange.log, spend },
  );
  config.background.add(work);
  await work;
  return {};
}
