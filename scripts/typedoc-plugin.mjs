import { Converter, ReflectionKind } from 'typedoc';

/**
 * A plugin of TypeDoc. It names each module by what it is imported as, where TypeDoc has the path of its source; and
 * shows the options that all policies share among those of each, since their type has no name in public.
 */
export function load({ converter }) {
  converter.on(Converter.EVENT_BEGIN, (context) => context.inlineType.add('RefusalOptions'));
  converter.on(Converter.EVENT_CREATE_DECLARATION, (_context, reflection) => {
    if (!reflection.kindOf(ReflectionKind.Module)) return;
    reflection.name = reflection.name.replace(/^(?:src|adapters)(?=\/|$)/, 'express-matrix-invite');
  });
}
