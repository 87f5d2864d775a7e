/** Lambda of the procedure discard-restored. */
import { connectOwner } from '../../../lib/connect-owner.ts';
import { discardRestored } from '../../../lib/ops/discard-restored.ts';
import { serveProcedure } from '../../../lib/ops/procedure.ts';

export const handler = serveProcedure(discardRestored, connectOwner());
