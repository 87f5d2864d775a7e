/** The runbooks of the server on Kubernetes that this one succeeds, section by section, and what takes the place of each line here. */
import { additional } from './sections/additional.ts';
import { database } from './sections/database.ts';
import { deployment } from './sections/deployment.ts';
import { monitoring } from './sections/monitoring.ts';
import type { Section } from './sections/section.ts';
import { security } from './sections/security.ts';
import { troubleshooting } from './sections/troubleshooting.ts';

export const sections: readonly Section[] = [
  ...deployment,
  ...database,
  ...monitoring,
  ...troubleshooting,
  ...security,
  ...additional,
];
