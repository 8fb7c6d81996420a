import { Converter, ReflectionKind } from 'typedoc';

/**
 * A TypeDoc plugin. It names each module by its import path, not by the path of its source as TypeDoc does. It also
 * lists the options that all policies share with the options of each policy, because their type is not exported.
 */
export function load({ converter }) {
  converter.on(Converter.EVENT_BEGIN, (context) => context.inlineType.add('RefusalOptions'));
  converter.on(Converter.EVENT_CREATE_DECLARATION, (_context, reflection) => {
    if (!reflection.kindOf(ReflectionKind.Module)) return;
    reflection.name = reflection.name.replace(/^(?:src|adapters)(?=\/|$)/, 'express-matrix-invite');
  });
}
