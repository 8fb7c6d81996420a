import type { AuthRequest, AuthResult } from '../../../src/ports/auth.ts';
import type { CallContext } from '../../../src/ports/context.ts';
import { KNOWN_TOKENS, ReferenceAuth } from '../reference/auth.ts';
import { pause } from '../reference/storage.ts';

/** Accepts any prefix of a known token. */
export class ComparesByStartsWith extends ReferenceAuth {
  override find(accessToken: string): string | undefined {
    return KNOWN_TOKENS.find((known) => known.accessToken.startsWith(accessToken))?.userId;
  }
}

/** Looks up tokens with a case-insensitive collation. */
export class IgnoresCase extends ReferenceAuth {
  override find(accessToken: string): string | undefined {
    return KNOWN_TOKENS.find((known) => known.accessToken.toLowerCase() === accessToken.toLowerCase())
      ?.userId;
  }
}

/** Normalizes tokens. */
export class NormalizesTokens extends ReferenceAuth {
  override find(accessToken: string): string | undefined {
    return super.find(accessToken.normalize('NFC'));
  }
}

/** Trims tokens. */
export class TrimsTokens extends ReferenceAuth {
  override find(accessToken: string): string | undefined {
    return super.find(accessToken.trim());
  }
}

/** Looks up tokens with LIKE. */
export class LooksUpWithLike extends ReferenceAuth {
  override find(accessToken: string): string | undefined {
    const pattern = accessToken
      .replace(/[^\p{L}\p{N}%_]/gu, '\\$&')
      .replaceAll('%', '.*')
      .replaceAll('_', '.');
    return KNOWN_TOKENS.find((known) => new RegExp(`^${pattern}$`, 'su').test(known.accessToken))?.userId;
  }
}

/** Stores its tokens in a plain object, which inherits other properties. */
export class TokensInAPlainObject extends ReferenceAuth {
  override find(accessToken: string): string | undefined {
    const userIds: Record<string, string> = Object.fromEntries(this.userIds);
    return userIds[accessToken];
  }
}

/** Rejects for an unknown token. */
export class RejectsUnknownTokens extends ReferenceAuth {
  override find(accessToken: string): string | undefined {
    const userId = super.find(accessToken);
    if (userId === undefined) throw new Error('no such session');
    return userId;
  }
}

/** Resolves a localpart instead of the full user id. */
export class ResolvesLocalparts extends ReferenceAuth {
  override find(accessToken: string): string | undefined {
    return super.find(accessToken)?.replace(/^@(.*):.*$/, '$1');
  }
}

/** Stores the token of the current request in a field. */
export class RemembersTheLastToken extends ReferenceAuth {
  last = '';

  override async authenticate({ accessToken }: AuthRequest): Promise<AuthResult> {
    this.last = accessToken;
    await pause();
    const userId = this.find(this.last);
    return userId === undefined ? { failure: 'unknown' } : { requester: { userId } };
  }
}

/** Locks out everybody after a few unknown tokens. */
export class LocksEverybodyOut extends ReferenceAuth {
  failures = 0;

  override find(accessToken: string): string | undefined {
    const userId = this.failures < 10 ? super.find(accessToken) : undefined;
    if (userId === undefined) this.failures += 1;
    return userId;
  }
}

/** Trusts the asserted user of any request. */
export class BelievesAssertions extends ReferenceAuth {
  override async authenticate(request: AuthRequest): Promise<AuthResult> {
    const result = await super.authenticate(request);
    const { assertedUserId } = request;
    return 'requester' in result && assertedUserId !== undefined
      ? { requester: { userId: assertedUserId } }
      : result;
  }
}

/** Knows no token of a request that asserts a user. */
export class RefusesAssertions extends ReferenceAuth {
  override async authenticate(request: AuthRequest): Promise<AuthResult> {
    return request.assertedUserId === undefined ? super.authenticate(request) : { failure: 'unknown' };
  }
}

/** Takes a request with an unknown token for one by the user that it asserts. */
export class BelievesAssertionsWithoutAToken extends ReferenceAuth {
  override async authenticate(request: AuthRequest): Promise<AuthResult> {
    const result = await super.authenticate(request);
    const { assertedUserId } = request;
    return 'failure' in result && assertedUserId !== undefined
      ? { requester: { userId: assertedUserId } }
      : result;
  }
}

/** Resolves unknown for a call whose deadline has passed. */
export class UnknownWhenAborted extends ReferenceAuth {
  override async authenticate(request: AuthRequest, context?: CallContext): Promise<AuthResult> {
    return context?.signal.aborted ? { failure: 'unknown' } : super.authenticate(request);
  }
}

/** Looks for a session on the device that the request asserts. */
export class RefusesDevices extends ReferenceAuth {
  override async authenticate(request: AuthRequest): Promise<AuthResult> {
    return request.assertedDeviceId === undefined ? super.authenticate(request) : { failure: 'unknown' };
  }
}
