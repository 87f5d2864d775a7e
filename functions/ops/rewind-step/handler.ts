/** Lambda of the procedure rewind-step. */
import { readConfig } from '../../../lib/config.ts';
import { serveProcedure } from '../../../lib/ops/procedure.ts';
import { rewindStep } from '../../../lib/ops/rewind-step.ts';
import { openInstances } from '../../../lib/ops/rewound-instance.ts';
import { instanceName } from '../../../lib/stages.ts';

const source = instanceName(readConfig().stage);

export const handler = serveProcedure(rewindStep, { now: () => new Date(), source, instances: openInstances(source) });
