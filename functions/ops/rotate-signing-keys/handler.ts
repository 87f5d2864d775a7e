/** Lambda of the procedure rotate-signing-keys, which Secrets Manager may call as well. */
import { readSigningSecret } from '../../../lib/config.ts';
import { connectDatabase } from '../../../lib/connect.ts';
import { openRingVersions } from '../../../lib/keys/ring-versions.ts';
import { serveRotation } from '../../../lib/ops/rotate-signing-keys.ts';
import { isRotationStep, serveRotationStep } from '../../../lib/ops/rotation-steps.ts';

const secret_id = readSigningSecret();
const tools = { db: connectDatabase(), now: () => new Date(), secret_id, versions: openRingVersions(secret_id) };

export const handler = (event: unknown, context?: { readonly awsRequestId?: string }) =>
  isRotationStep(event) ? serveRotationStep(tools, event) : serveRotation(tools, event, context?.awsRequestId);
