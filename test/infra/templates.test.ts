/** Every rule about the templates, in one process: loading the CDK takes longer than all of them. */
import './backups.rules.ts';
import './coverage.rules.ts';
import './edge.rules.ts';
import './events.rules.ts';
import './generation.rules.ts';
import './metrics.rules.ts';
import './operation.rules.ts';
import './order.rules.ts';
import './protection.rules.ts';
import './release.rules.ts';
import './restore.rules.ts';
import './routes.rules.ts';
