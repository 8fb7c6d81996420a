import type { IncomingMessage, ServerResponse } from 'node:http';
import { performance } from 'node:perf_hooks';
import { Router, raw } from 'express';
import { MatrixError } from './errors.ts';
import { answer, answerError } from './http/answer.ts';
import type { BodyReader } from './http/body.ts';
import { setCommonHeaders } from './http/common-headers.ts';
import { type InviteRequestSetting, inviteByRequest, type RequestTrace } from './http/invite-request.ts';
import { asMatrixError, logFailure } from './http/unexpected.ts';
import { checkOptions } from './options.ts';
import type { Requester } from './ports/auth.ts';
import { type InviteRouterOptions, inviteRouterOptionChecks } from './router-options.ts';
import type { InviteResult } from './service/invite.ts';
import { inviteServiceOf } from './service/invite-service.ts';
import { unavailable } from './service/refusals.ts';
import { settingOf } from './service/setting.ts';

/** An Express router, typed by Node's own types so that it fits every version of Express. */
export interface InviteRouter {
  (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void): void;

  /**
   * From now on requests are answered 503. Resolves when what has started is done (appends, `onInvite`), after the
   * deadline at the latest. The host's handles stay open.
   */
  close(): Promise<void>;
}

/**
 * Makes the router of `POST …/rooms/{roomId}/invite`, to be mounted at `/_matrix/client/v3`. Only that path is
 * answered; everything else goes on to the host's other routes.
 *
 * @throws {TypeError} for an unknown, missing or ill-typed option
 */
export function createInviteRouter<R extends Requester = Requester>(
  options: InviteRouterOptions<R>,
): InviteRouter {
  checkOptions('createInviteRouter', options, inviteRouterOptionChecks);
  if (options.auth === undefined && options.session === undefined) {
    throw new TypeError('createInviteRouter: option "auth" or "session" is required');
  }
  const shared = settingOf(options);
  const setting: InviteRequestSetting<R> = {
    ...shared,
    auth: options.auth,
    session: options.session,
    queryToken: options.queryToken ?? true,
    service: inviteServiceOf(shared),
    readBody: raw({ type: () => true, limit: options.bodyLimitBytes ?? 409_600 }) as unknown as BodyReader,
    bodyTimeoutMs: options.bodyTimeoutMs ?? 10_000,
  };
  const cors = options.cors ?? true;
  let isClosed = false;

  /** Answers one request, whatever happens in `work`, and tells the host of it. */
  async function answered(
    request: IncomingMessage,
    response: ServerResponse,
    work: (trace: RequestTrace) => Promise<RequestEnd>,
  ): Promise<void> {
    // A host that has answered, and yet goes on to us, has decided.
    if (response.headersSent) return;
    const startedAt = performance.now();
    const trace: RequestTrace = { tries: 0 };
    setCommonHeaders(response, cors);
    const end = await work(trace).catch((error: unknown): RequestEnd => ({ error: asMatrixError(error) }));
    if (end.error !== undefined) logFailure(setting.logger, end.error, { ...trace });
    if (trace.scope !== undefined) setting.logger.info({ ...trace }, 'A rate limit refused an invite');
    if (!response.headersSent) {
      if (end.error === undefined) answer(response, 200, {});
      else answerError(response, end.error);
    }
    try {
      await options.onOutcome?.(
        {
          ...trace,
          status: end.error?.status ?? 200,
          errcode: end.error?.errcode,
          outcome: end.outcome,
          durationMs: performance.now() - startedAt,
        },
        request,
      );
    } catch (err) {
      setting.logger.error({ err }, 'onOutcome failed');
    }
  }

  const router = Router({ caseSensitive: true, strict: true });
  const route = router.route('/rooms/:roomId/invite');
  route.options((_request, response) => {
    if (response.headersSent) return;
    setCommonHeaders(response, cors);
    response.statusCode = 204;
    response.end();
  });
  route.post((request, response) => {
    void answered(request, response, async (trace) => {
      if (isClosed) throw unavailable(new Error('The invite router is closed'));
      return inviteByRequest(setting, request, response, request.params.roomId, trace);
    });
  });
  route.all((request, response) => {
    void answered(request, response, async () => {
      response.setHeader('Allow', 'OPTIONS, POST');
      throw new MatrixError(405, 'M_UNRECOGNIZED', 'Only POST is understood here');
    });
  });
  // Where the room id cannot be decoded, no route is reached.
  router.use((error: unknown, request: IncomingMessage, response: ServerResponse, _next: unknown) => {
    void answered(request, response, () => Promise.reject(error));
  });

  return Object.assign(router as unknown as InviteRouter, {
    async close() {
      isClosed = true;
      await setting.service.close();
    },
  });
}

/** How the work on a request ended: with an outcome, or with an error. */
type RequestEnd = { readonly outcome?: InviteResult['outcome']; readonly error?: MatrixError };
